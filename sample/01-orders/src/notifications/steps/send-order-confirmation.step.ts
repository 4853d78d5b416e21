import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { Order } from '../../orders/order.entity.js';
import { StockService } from '../../stock/stock.service.js';
import { Mailer } from '../mailer.js';
import { orderConfirmation } from '../order-confirmation.js';
import { isRefusedForGood } from '../refusal.js';

/** Arguments contain the id; the data stays in the database. */
export interface OrderConfirmation {
  readonly orderNumber: string;
}

/**
 * Sends the confirmation of an order. A crash may repeat it, because no transaction spans a mail server. The
 * idempotency key makes the repetition the same mail.
 *
 * Whatever goes wrong is tried again later, except a mail that the server refuses for good: its job fails at once, and waits for somebody.
 */
@Step({ name: 'send-order-confirmation', timeout: '30s' })
export class SendOrderConfirmation implements StepHandler<OrderConfirmation> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly stock: StockService,
    private readonly mailer: Mailer,
  ) {}

  async execute({ orderNumber }: OrderConfirmation, context: StepContext): Promise<void> {
    const order = await this.dataSource.manager.findOneOrFail(Order, {
      where: { number: orderNumber },
      relations: { lines: true },
    });
    const movements = await this.stock.movementsOf(orderNumber);
    const mail = orderConfirmation(order, movements);
    try {
      await this.mailer.send(mail, context.idempotencyKey, context.signal);
    } catch (error) {
      if (!isRefusedForGood(error)) throw error;
      throw new UnrecoverableStepError(error.message, { cause: error });
    }
  }
}
