import { Injectable } from '@nestjs/common';
import { Inbox } from 'nestjs-stepping/events';
import { DataSource } from 'typeorm';
import type { OrderPlaced } from '../events/order-placed.js';
import { Invoice } from './invoice.entity.js';
import { Repetition } from './repetition.entity.js';

@Injectable()
export class BillingService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly inbox: Inbox,
  ) {}

  /** Writes the invoice and the mark of the event in one transaction, so that an order has one invoice, however often its event arrives. */
  async bill(eventId: string | undefined, event: OrderPlaced): Promise<void> {
    const { orderNumber, customerEmail, totalCents } = event;
    const { duplicate } = await this.inbox.receive({ consumer: 'billing', id: eventId }, (manager) =>
      manager.insert(Invoice, { orderNumber, customerEmail, totalCents }),
    );
    if (duplicate) {
      await this.dataSource.transaction((manager) => manager.insert(Repetition, { eventId: eventId! }));
    }
  }
}
