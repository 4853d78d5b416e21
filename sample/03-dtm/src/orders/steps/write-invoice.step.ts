import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { Invoice } from '../invoice.entity.js';
import { Order } from '../order.entity.js';

/** Arguments contain the id; the data stays in the database. */
export interface InvoicedOrder {
  readonly orderNumber: string;
}

/**
 * Writes the invoice of an order exactly once, whatever crashes and however often DTM calls. What it writes with
 * `context.manager` is committed together with the mark that the step is done.
 */
@Step({ name: 'write-invoice', transactional: true })
export class WriteInvoice implements StepHandler<InvoicedOrder> {
  async execute({ orderNumber }: InvoicedOrder, { manager }: StepContext<EntityManager>): Promise<void> {
    const { totalCents } = await manager.findOneByOrFail(Order, { number: orderNumber });
    await manager.insert(Invoice, { orderNumber, totalCents });
  }
}
