import 'reflect-metadata';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  SteppingModule,
  SteppingOperations,
  type CreateJobOptions,
  type JobInfo,
} from '../../lib/index.js';
import { SteppingDashboardModule, type DashboardOptions } from '../../lib/dashboard/index.js';
import { createDatabase, type TestDatabase } from './database.js';
import {
  ChargeCard,
  CreateInvoice,
  NotifyWarehouse,
  ReserveStock,
  SendOrderCreatedEmail,
  shopSteps,
  Surroundings,
  type OrderArguments,
} from './shop/shop.steps.js';
import { waitFor } from './wait-for.js';

export interface ShopOptions {
  /** Laid over those of the shop, which lets everybody do everything. */
  readonly dashboard?: DashboardOptions;
  /** Default: `'express'`. */
  readonly platform?: 'express' | 'fastify';
  readonly providers?: readonly Type[];
  /** Sets the application up before it listens. */
  readonly customize?: (app: INestApplication) => void;
}

export const SHOP_ACTOR = 'ada@shop.example';

/** A shop with a dashboard, on a PostgreSQL schema of its own. */
export class Shop {
  readonly jobs: DistributedJobFactory;
  readonly admin: DistributedJobs;
  readonly operations: SteppingOperations;
  readonly surroundings: Surroundings;

  private constructor(
    readonly app: INestApplication,
    readonly database: TestDatabase,
    private readonly dataSource: DataSource,
    /** Of the server, without a path. */
    readonly origin: string,
  ) {
    this.jobs = app.get(DistributedJobFactory);
    this.admin = app.get(DistributedJobs);
    this.operations = app.get(SteppingOperations);
    this.surroundings = app.get(Surroundings);
  }

  static async open({ dashboard, platform, providers = [], customize }: ShopOptions = {}): Promise<Shop> {
    const database = await createDatabase('postgres');
    const dataSource = await new DataSource(database.dataSourceOptions({ poolSize: 40 })).initialize();
    class ShopModule {}
    const app = await NestFactory.create(
      {
        module: ShopModule,
        imports: [
          SteppingModule.forRoot({
            requireTransaction: false,
            transactionManager: selfTm({ recoveryInterval: 100, concurrency: 16 }),
          }),
          SteppingDashboardModule.forRoot({
            access: 'write',
            actor: () => SHOP_ACTOR,
            title: 'Shop',
            environment: { label: 'staging', color: '#8250df' },
            refresh: '1s',
            ...dashboard,
          }),
        ],
        providers: [{ provide: DataSource, useValue: dataSource }, Surroundings, ...shopSteps, ...providers],
      },
      platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter(),
      { logger: ['error', 'warn'], forceCloseConnections: true },
    );
    customize?.(app);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    return new Shop(app, database, dataSource, `http://127.0.0.1:${port}`);
  }

  /** Where the dashboard is, unless the test has put it elsewhere. */
  get url(): string {
    return `${this.origin}/stepping`;
  }

  /** Starts a job for an order: all five steps. */
  async order(orderId: string, options: CreateJobOptions = {}): Promise<string> {
    const order: OrderArguments = { orderId, amount: 4999, cardToken: `tok_${orderId}` };
    const job = this.jobs
      .createJob({ name: `order ${orderId}`, ...options })
      .addStep(ReserveStock, { orderId })
      .addStep(ChargeCard, order)
      .addStep(SendOrderCreatedEmail, { orderId })
      .addStep(CreateInvoice, { orderId, amount: 4999 })
      .addStep(NotifyWarehouse, { orderId });
    await job.start();
    return job.gid;
  }

  /** Waits until a job is as it should be. */
  async until(gid: string, is: (job: JobInfo) => boolean): Promise<JobInfo> {
    let job: JobInfo | null = null;
    return waitFor(
      async () => {
        job = await this.admin.find(gid);
        return job && is(job) && job;
      },
      { message: () => ({ itIs: job }) },
    );
  }

  async close(): Promise<void> {
    this.surroundings.searched.clear();
    await this.app.close();
    await this.dataSource.destroy();
    await this.database.drop();
  }
}
