import { Controller, Get } from '@nestjs/common';
import { EventsInHand } from './events-in-hand.js';

@Controller('health')
export class BillingHealthController {
  constructor(private readonly inHand: EventsInHand) {}

  @Get()
  check(): { status: string; eventsInHand: number } {
    return { status: 'ok', eventsInHand: this.inHand.count };
  }
}
