import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import { LabelPrinter } from '../label-printer.js';
import { PRINT_LABEL, type ParcelArguments } from '../shipping-steps.js';

/**
 * Prints at least once. The process that takes over from a dead worker cannot know how far the printer got.
 *
 * Its attempts are few, so that an outage of the printer is soon somebody's matter. Without `maxAttempts`, jobs wait for its end by themselves.
 */
@Step({ name: PRINT_LABEL, timeout: '30s', retry: { maxAttempts: 3, delay: '200ms' } })
export class PrintLabel implements StepHandler<ParcelArguments> {
  constructor(private readonly printer: LabelPrinter) {}

  async execute({ parcelNumber }: ParcelArguments, context: StepContext): Promise<void> {
    await this.printer.print(parcelNumber, context);
  }
}
