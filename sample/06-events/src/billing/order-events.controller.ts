import { setTimeout as wait } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload, RmqContext } from '@nestjs/microservices';
import { messageIdOf, settleRmq } from 'nestjs-stepping/events';
import { BillingConfig } from '../config/billing.config.js';
import { ORDER_PLACED, type OrderPlaced } from '../events/order-placed.js';
import { BillingService } from './billing.service.js';
import { EventsInHand } from './events-in-hand.js';

@Controller()
export class OrderEventsController {
  constructor(
    private readonly billing: BillingService,
    private readonly inHand: EventsInHand,
    private readonly config: BillingConfig,
  ) {}

  /** Acknowledges an event when it is billed. What throws is delivered again, a second later. */
  // Without <string>, the types of NestJS 12 take no context of a broker.
  @EventPattern<string>(ORDER_PLACED)
  async placed(@Payload() event: OrderPlaced, @Ctx() context: RmqContext): Promise<void> {
    await this.inHand.during(() => settleRmq(context, () => this.bill(event, context)));
  }

  private async bill(event: OrderPlaced, context: RmqContext): Promise<void> {
    await this.billing.bill(messageIdOf(context), event);
    if (this.config.ackLatency > 0) await wait(this.config.ackLatency);
  }
}
