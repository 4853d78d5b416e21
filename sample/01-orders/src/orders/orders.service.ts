import {
  ConflictException,
  Injectable,
  NotFoundException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { DistributedJobFactory, DistributedJobs, HttpRequestStep } from 'nestjs-stepping';
import { DataSource, type EntityManager } from 'typeorm';
import { ShopConfig } from '../config/shop.config.js';
import { formatCents } from '../money.js';
import { SendOrderConfirmation } from '../notifications/steps/send-order-confirmation.step.js';
import { StockService } from '../stock/stock.service.js';
import { ReserveStock } from '../stock/steps/reserve-stock.step.js';
import { jobViewOf, type OrderViewDto } from './dto/order-view.dto.js';
import type { PlaceOrderDto } from './dto/place-order.dto.js';
import { Order } from './order.entity.js';

/** Credit limit of one customer. */
const CREDIT_LIMIT_CENTS = 200_000;

@Injectable()
export class OrdersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly stock: StockService,
    private readonly jobs: DistributedJobFactory,
    private readonly startedJobs: DistributedJobs,
    private readonly config: ShopConfig,
  ) {}

  /** Stores the order and starts its job: both, or neither. */
  async place(dto: PlaceOrderDto): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const order = await this.store(manager, dto);
      await this.startJob(order);
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
    const job = await this.startedJobs.find(jobOf(number));
    return { order, job: job && jobViewOf(job) };
  }

  /** For an order whose confirmation was refused. Its job has failed, and goes on with the confirmation. */
  async correctEmail(number: string, customerEmail: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.update(Order, { number }, { customerEmail });
      if (!affected) throw new NotFoundException(`There is no order ${number}`);
    });
    const job = await this.startedJobs.find(jobOf(number));
    if (job?.status === 'failed') await this.startedJobs.retry(job.gid);
  }

  /** Joins the open transaction; nothing has to be passed. */
  private async startJob({ number, totalCents, lines }: Order): Promise<void> {
    await this.jobs
      .createJob({ gid: jobOf(number) })
      .addStep(ReserveStock, {
        orderNumber: number,
        lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
      })
      .addStep(SendOrderConfirmation, { orderNumber: number })
      .addStep(HttpRequestStep, {
        url: this.config.webhookUrl,
        body: { event: 'order.placed', orderNumber: number, totalCents },
      })
      .start();
  }

  private async store(manager: EntityManager, dto: PlaceOrderDto): Promise<Order> {
    const { number, lines: ordered, orderedAt = new Date(), ...customer } = dto;
    if (await manager.existsBy(Order, { number })) {
      throw new ConflictException(`There is an order ${number} already`);
    }
    const skus = ordered.map(({ sku }) => sku);
    const prices = await this.stock.prices(manager, skus);
    const lines = ordered.map(({ sku, quantity }) => {
      const unitPriceCents = prices.get(sku);
      if (unitPriceCents === undefined) throw new UnprocessableEntityException(`There is no article ${sku}`);
      return { sku, quantity, unitPriceCents };
    });
    const totalCents = lines.reduce((sum, line) => sum + line.quantity * line.unitPriceCents, 0);
    return manager.save(
      manager.create(Order, { ...customer, number, orderedAt: new Date(orderedAt), lines, totalCents }),
    );
  }

  private async checkCreditLimit(manager: EntityManager, { customerEmail }: Order): Promise<void> {
    const total = (await manager.sum(Order, 'totalCents', { customerEmail })) ?? 0;
    if (total <= CREDIT_LIMIT_CENTS) return;
    throw new UnprocessableEntityException(
      `${customerEmail} would owe ${formatCents(total)}, the limit is ${formatCents(CREDIT_LIMIT_CENTS)}`,
    );
  }
}

/** The job of an order is found by the order's number, without a column for it. */
function jobOf(orderNumber: string): string {
  return `order:${orderNumber}`;
}
