import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { Booking } from '../booking.entity.js';
import { BOOK_CARRIER, type ParcelArguments } from '../shipping-steps.js';

/** Books exactly once, whatever crashes: the row is committed together with the mark that the step is done. */
@Step({ name: BOOK_CARRIER, transactional: true })
export class BookCarrier implements StepHandler<ParcelArguments> {
  async execute({ parcelNumber }: ParcelArguments, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.insert(Booking, { parcelNumber, pid: process.pid });
  }
}
