import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { DistributedJobFactory, StepHandler } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import type { Order } from '../orders.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { dataSourceOptions, TypeOrmOrders } from './order-transactions.ts';

type Library = typeof import('nestjs-stepping');

/** What a variant of the library has set beside the defaults. */
export interface SteppingVariant {
  /** The build under test, or the one it is compared with. */
  readonly packageName?: string;
  /** With the option `codec`. */
  readonly encrypted?: boolean;
  /** False: without the process registry, statistics and heartbeat. */
  readonly monitoring?: false;
}

/** Producers and workers are processes of their own. */
const KEY = new Uint8Array(32).fill(7);

/** The library at its default settings, which are the same for throughput and for latency. */
export class Stepping implements Contender {
  private readonly orders: TypeOrmOrders;
  private readonly jobs: DataSource | undefined;
  private app: { close(): Promise<void> } | undefined;
  private factory!: DistributedJobFactory;
  private first!: new () => StepHandler<Order>;
  private second!: new () => StepHandler<Order>;

  private readonly settings: ContenderSettings;
  private readonly variant: SteppingVariant;

  constructor(settings: ContenderSettings, variant: SteppingVariant = {}) {
    this.settings = settings;
    this.variant = variant;
    this.orders = new TypeOrmOrders(settings.url, settings.kind);
    if (settings.jobsUrl !== undefined) {
      this.jobs = new DataSource({
        ...dataSourceOptions(settings.jobsUrl, settings.kind),
        name: 'jobs',
      } as never);
    }
  }

  async open(): Promise<void> {
    const { packageName = 'nestjs-stepping', encrypted, monitoring } = this.variant;
    const library = (await import(packageName)) as Library;
    const { Step, SteppingModule, selfTm, DistributedJobFactory, aesGcmCodec } = library;
    const { executions, role } = this.settings;
    class First {
      execute(order: Order): void {
        executions.ran(0, order.id);
      }
    }
    class Second {
      execute(order: Order): void {
        executions.ran(1, order.id);
      }
    }
    Step('first')(First);
    Step('second')(Second);
    this.first = First;
    this.second = Second;

    await this.orders.open();
    await this.jobs?.initialize();
    class BenchModule {}
    Module({
      imports: [
        SteppingModule.forRoot({
          ...(encrypted && { codec: aesGcmCodec({ keys: { k1: KEY }, current: 'k1' }) }),
          transactionManager: selfTm({
            runSteps: role !== 'producer',
            ...(this.jobs && { dataSource: 'jobs' }),
            ...(monitoring === false && { monitoring }),
          }),
        }),
      ],
      providers: [
        { provide: DataSource, useValue: this.orders.dataSource },
        ...(this.jobs ? [{ provide: 'jobs', useValue: this.jobs }] : []),
        First,
        Second,
      ],
    })(BenchModule);
    const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['error', 'warn'] });
    this.app = app;
    this.factory = app.get(DistributedJobFactory);
  }

  place(order: Order): Promise<void> {
    return this.orders.place(order, () => {
      const job = this.factory.createJob().addStep(this.first, order);
      if (this.settings.steps === 2) job.addStep(this.second, order);
      return job.start();
    });
  }

  async pending(): Promise<boolean> {
    const { watch, kind } = this.settings;
    // Jobs with a longer delay fill the table for workload E, and must not be read here.
    if (kind === 'postgres') {
      return watch.any('stepping_jobs', `due_at < (SELECT clock_timestamp() + interval '1 hour')`);
    }
    const rows = await this.orders.dataSource.query<unknown[]>(
      'SELECT 1 FROM stepping_jobs WHERE due_at IS NOT NULL LIMIT 1',
    );
    return rows.length > 0;
  }

  async close(): Promise<void> {
    await this.app?.close();
    await this.jobs?.destroy();
    await this.orders.close();
  }
}
