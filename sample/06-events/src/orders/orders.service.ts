import {
  ConflictException,
  Injectable,
  NotFoundException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { DistributedJobs } from 'nestjs-stepping';
import { EventOutbox } from 'nestjs-stepping/events';
import { DataSource, type EntityManager } from 'typeorm';
import { ORDER_PLACED, type OrderPlaced } from '../events/order-placed.js';
import { eventViewOf, type OrderViewDto } from './dto/order-view.dto.js';
import type { PlaceOrderDto } from './dto/place-order.dto.js';
import { Order } from './order.entity.js';
import { PriceList } from './price-list.js';

/** Credit limit of one customer. */
const CREDIT_LIMIT_CENTS = 200_000;

@Injectable()
export class OrdersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly prices: PriceList,
    private readonly outbox: EventOutbox,
    private readonly jobs: DistributedJobs,
  ) {}

  /** Stores the order and its event: both, or neither. Whether the broker is there does not matter. */
  async place(dto: PlaceOrderDto): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const order = await this.store(manager, dto);
      const { number: orderNumber, customerEmail, totalCents } = order;
      const event: OrderPlaced = { orderNumber, customerEmail, totalCents };
      // Joins the open transaction; nothing has to be passed.
      await this.outbox.publish('orders', ORDER_PLACED, event, { id: eventOf(orderNumber) });
      // An error anywhere in the transaction rolls the event back as well.
      await this.checkCreditLimit(manager, order);
      return order;
    });
  }

  async find(number: string): Promise<OrderViewDto> {
    const order = await this.dataSource.manager.findOne(Order, {
      where: { number },
      relations: { lines: true },
    });
    if (!order) throw new NotFoundException(`There is no order ${number}`);
    const job = await this.jobs.find(eventOf(number));
    return { order, event: job && eventViewOf(job) };
  }

  private async store(manager: EntityManager, dto: PlaceOrderDto): Promise<Order> {
    const { number, lines: ordered, ...customer } = dto;
    if (await manager.existsBy(Order, { number })) {
      throw new ConflictException(`There is an order ${number} already`);
    }
    const lines = ordered.map(({ sku, quantity }) => ({
      sku,
      quantity,
      unitPriceCents: this.priceOf(sku),
    }));
    const totalCents = lines.reduce((sum, line) => sum + line.quantity * line.unitPriceCents, 0);
    return manager.save(manager.create(Order, { ...customer, number, totalCents, lines }));
  }

  private priceOf(sku: string): number {
    const price = this.prices.priceOf(sku);
    if (price === undefined) throw new UnprocessableEntityException(`There is no article ${sku}`);
    return price;
  }

  private async checkCreditLimit(manager: EntityManager, { customerEmail }: Order): Promise<void> {
    const total = (await manager.sum(Order, 'totalCents', { customerEmail })) ?? 0;
    if (total <= CREDIT_LIMIT_CENTS) return;
    throw new UnprocessableEntityException(
      `${customerEmail} would owe ${euros(total)}, the limit is ${euros(CREDIT_LIMIT_CENTS)}`,
    );
  }
}

/** The event of an order is found by the order's number, without a column for it. */
function eventOf(orderNumber: string): string {
  return `order:${orderNumber}`;
}

function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}
