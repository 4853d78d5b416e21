import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrderEventDto } from './dto/order-event.dto.js';
import { WebhookDelivery } from './webhook-delivery.entity.js';

@Injectable()
export class WebhooksService {
  constructor(private readonly dataSource: DataSource) {}

  /** Handles an event once, however often it arrives. */
  async receive(idempotencyKey: string, event: OrderEventDto): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const repeated = await manager.increment(WebhookDelivery, { idempotencyKey }, 'timesReceived', 1);
      if (repeated.affected) return;
      await manager.insert(WebhookDelivery, {
        idempotencyKey,
        event: event.event,
        orderNumber: event.orderNumber,
        totalCents: event.totalCents,
        timesReceived: 1,
      });
    });
  }
}
