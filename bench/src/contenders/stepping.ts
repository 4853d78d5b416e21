import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { DistributedJobFactory, StepHandler } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import type { Order } from '../orders.ts';
import { Watch } from '../server/watch.ts';
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

interface Shard {
  readonly orders: TypeOrmOrders;
  readonly watch: Watch;
}

/** Producers and workers are processes of their own. */
const KEY = new Uint8Array(32).fill(7);

/** The library at its default settings, which are the same for throughput and for latency. */
export class Stepping implements Contender {
  /** One, or one in each of several databases, which take turns. */
  private readonly shards: readonly Shard[];
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
    const { url, shardUrls, kind, watch } = settings;
    const others = shardUrls.map((other) => ({ url: other, watch: new Watch(other) }));
    this.shards = [{ url, watch }, ...others].map(({ url: of, watch: through }, at) => ({
      orders: new TypeOrmOrders(of, kind, false, shardUrls.length > 0 ? `shard-${at}` : undefined),
      watch: through,
    }));
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

    const dataSources = this.shards.map(({ orders }) => orders.dataSource);
    const names = dataSources.flatMap(({ options }) => (options as { readonly name?: string }).name ?? []);
    for (const { orders } of this.shards) await orders.open();
    await this.jobs?.initialize();
    class BenchModule {}
    Module({
      imports: [
        SteppingModule.forRoot({
          ...(encrypted && { codec: aesGcmCodec({ keys: { k1: KEY }, current: 'k1' }) }),
          transactionManager: selfTm({
            runSteps: role !== 'producer',
            ...(this.jobs && { dataSource: 'jobs' }),
            ...(names.length > 0 && { dataSource: names }),
            ...(monitoring === false && { monitoring }),
          }),
        }),
      ],
      providers: [
        ...dataSources.map((dataSource, at) => ({ provide: names[at] ?? DataSource, useValue: dataSource })),
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
    return this.shards[order.id % this.shards.length]!.orders.place(order, () => {
      const job = this.factory.createJob().addStep(this.first, order);
      if (this.settings.steps === 2) job.addStep(this.second, order);
      return job.start();
    });
  }

  async pending(): Promise<boolean> {
    const found = await Promise.all(this.shards.map((shard) => this.pendingIn(shard)));
    return found.includes(true);
  }

  async close(): Promise<void> {
    await this.app?.close();
    await this.jobs?.destroy();
    for (const { orders, watch } of this.shards) {
      await orders.close();
      if (watch !== this.settings.watch) await watch.close();
    }
  }

  private async pendingIn({ orders, watch }: Shard): Promise<boolean> {
    // Jobs with a longer delay fill the table for workload E, and must not be read here.
    if (this.settings.kind === 'postgres') {
      return watch.any('stepping_jobs', `due_at < (SELECT clock_timestamp() + interval '1 hour')`);
    }
    const rows = await orders.dataSource.query<unknown[]>(
      'SELECT 1 FROM stepping_jobs WHERE due_at IS NOT NULL LIMIT 1',
    );
    return rows.length > 0;
  }
}
