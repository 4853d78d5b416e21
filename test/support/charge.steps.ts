import { IsInt, IsString } from 'class-validator';
import { Step, type StepContext, type StepHandler } from '../../lib/index.js';
import { Recording } from './recording.js';

export class PriceInCents {
  @IsInt()
  cents!: number;
}
class PriceAsText {
  @IsString()
  price!: string;
}

@Step({ name: 'charge', args: PriceInCents })
export class ChargeCents implements StepHandler<PriceInCents> {
  constructor(private readonly recording: Recording) {}
  async execute(args: PriceInCents, context: StepContext): Promise<void> {
    await this.recording.note('charge', args, context);
  }
}

@Step({ name: 'charge', args: PriceAsText })
export class ChargeText implements StepHandler<PriceAsText> {
  constructor(private readonly recording: Recording) {}
  async execute(args: PriceAsText, context: StepContext): Promise<void> {
    await this.recording.note('charge', args, context);
  }
}
