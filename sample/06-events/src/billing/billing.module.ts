import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BillingHealthController } from './billing-health.controller.js';
import { BillingService } from './billing.service.js';
import { EventsInHand } from './events-in-hand.js';
import { Invoice } from './invoice.entity.js';
import { OrderEventsController } from './order-events.controller.js';
import { Repetition } from './repetition.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Invoice, Repetition])],
  controllers: [OrderEventsController, BillingHealthController],
  providers: [BillingService, EventsInHand],
})
export class BillingModule {}
