import { Injectable, UnprocessableEntityException } from '@nestjs/common';
import { DistributedJobFactory, HttpRequestStep } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { StockConfig } from '../config/stock.config.js';
import { Inbox } from '../inbox/inbox.js';
import type { ReservationDto, ReservedLineDto } from './dto/reservation.dto.js';
import { Product } from './product.entity.js';
import { StockMovement } from './stock-movement.entity.js';

@Injectable()
export class ReservationsService {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: DistributedJobFactory,
    private readonly config: StockConfig,
  ) {}

  /** Reserves the articles of an order, and starts the job that reports it: both, or neither, and once. */
  async reserve({ orderNumber, lines }: ReservationDto, requestKey: string): Promise<void> {
    await this.inbox.once(requestKey, async (manager) => {
      const reserved: { sku: string; reserved: number }[] = [];
      // Always in the same sequence, so that two orders never deadlock.
      for (const line of lines.toSorted((a, b) => (a.sku < b.sku ? -1 : 1))) {
        reserved.push({ sku: line.sku, reserved: await this.take(manager, orderNumber, line) });
      }
      await this.jobs
        .createJob() // joins the transaction of the inbox
        .addStep(HttpRequestStep, {
          url: `${this.config.ordersUrl}/orders/${encodeURIComponent(orderNumber)}/reservation`,
          method: 'PUT',
          body: { lines: reserved },
          timeout: '5s',
        })
        .start();
    });
  }

  /** Reserves what is in stock and returns the quantity; the rest is back-ordered. */
  private async take(
    manager: EntityManager,
    orderNumber: string,
    { sku, quantity }: ReservedLineDto,
  ): Promise<number> {
    const product = await manager.findOne(Product, { where: { sku }, lock: { mode: 'pessimistic_write' } });
    if (!product) throw new UnprocessableEntityException(`There is no article ${sku}`);
    const reserved = Math.min(product.available, quantity);
    await manager.decrement(Product, { sku }, 'available', reserved);
    await manager.insert(StockMovement, { orderNumber, sku, reserved, backOrdered: quantity - reserved });
    return reserved;
  }
}
