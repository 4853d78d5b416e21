import {
  ConflictException,
  Injectable,
  NotFoundException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { DistributedJobFactory, DistributedJobs, HttpRequestStep } from 'nestjs-stepping';
import { DataSource, type EntityManager } from 'typeorm';
import { OrdersConfig } from '../config/orders.config.js';
import { Inbox } from '../inbox/inbox.js';
import { jobViewOf, type OrderViewDto } from './dto/order-view.dto.js';
import type { OrderLineDto, PlaceOrderDto } from './dto/place-order.dto.js';
import type { ReservationReportDto } from './dto/reservation-report.dto.js';
import { Order, OrderLine } from './order.entity.js';
import { PriceList } from './price-list.js';
import { WriteInvoice } from './steps/write-invoice.step.js';

/** Credit limit of one customer. */
const CREDIT_LIMIT_CENTS = 200_000;

@Injectable()
export class OrdersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly prices: PriceList,
    private readonly inbox: Inbox,
    private readonly jobs: DistributedJobFactory,
    private readonly startedJobs: DistributedJobs,
    private readonly config: OrdersConfig,
  ) {}

  /** Stores the order and starts its job: both, or neither. */
  async place(dto: PlaceOrderDto): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const job = this.jobs
        .createJob() // joins the transaction around it
        .addStep(HttpRequestStep, {
          url: `${this.config.stockUrl}/reservations`,
          body: { orderNumber: dto.number, lines: dto.lines.map(({ sku, quantity }) => ({ sku, quantity })) },
          timeout: '5s',
        })
        .addStep(WriteInvoice, { orderNumber: dto.number });
      const order = await this.store(manager, dto, job.gid);
      await job.start();
      // An error anywhere in the transaction rolls the job back as well.
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
    const job = await this.startedJobs.find(order.jobGid);
    return { order, job: job && jobViewOf(job) };
  }

  /** Records what the stock service has reserved. */
  async noteReservation(number: string, { lines }: ReservationReportDto, requestKey: string): Promise<void> {
    await this.inbox.once(requestKey, async (manager) => {
      if (!(await manager.existsBy(Order, { number })))
        throw new NotFoundException(`There is no order ${number}`);
      for (const { sku, reserved } of lines) {
        await manager.update(OrderLine, { order: { number }, sku }, { reserved });
      }
    });
  }

  private async store(manager: EntityManager, dto: PlaceOrderDto, jobGid: string): Promise<Order> {
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
    return manager.save(manager.create(Order, { ...customer, number, jobGid, totalCents, lines }));
  }

  private priceOf(sku: OrderLineDto['sku']): number {
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

function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}
