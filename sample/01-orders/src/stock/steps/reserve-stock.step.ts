import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { StockService } from '../stock.service.js';
import { StockReservation } from './stock-reservation.js';

/**
 * Reserves the articles of an order exactly once, whatever crashes. What it writes with
 * `context.manager` is committed together with the mark that the step is done.
 */
@Step({ name: 'reserve-stock', args: StockReservation, transactional: true })
export class ReserveStock implements StepHandler<StockReservation> {
  constructor(private readonly stock: StockService) {}

  async execute(
    { orderNumber, lines }: StockReservation,
    context: StepContext<EntityManager>,
  ): Promise<void> {
    for (const { sku, quantity } of lines) {
      await this.stock.reserve(context.manager, orderNumber, sku, quantity);
    }
  }
}
