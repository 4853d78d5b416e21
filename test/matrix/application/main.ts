// The application of the matrix. "work" commits a job and rolls one back, then gets stuck in the middle of a step
// and in an open transaction, and waits to be killed; "recover" goes on with what is left. Both print facts, one
// JSON object per line.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Body, Controller, Injectable, Module, Post, type INestApplicationContext } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  Step,
  SteppingModule,
  type StepContext,
  type StepHandler,
} from 'nestjs-stepping';
import { dtm } from 'nestjs-stepping/dtm';
import { Column, DataSource, Entity, PrimaryGeneratedColumn, type EntityManager } from 'typeorm';

interface Settings {
  readonly database: TypeOrmModuleOptions;
  /** A path to load better-sqlite3 from. */
  readonly sqliteDriver?: string;
  readonly platform: 'Express' | 'Fastify' | 'standalone';
  /** Jobs are kept by this DTM server, which calls back at this port. */
  readonly dtm?: { readonly server: string; readonly port: number };
  /** Makes the gids of this run unlike those of others. */
  readonly run: string;
}

const settings = JSON.parse(process.env.MATRIX_SETTINGS ?? '{}') as Settings;
const phase = process.argv[2];
const callback = `http://127.0.0.1:${settings.dtm?.port ?? 0}`;

function tell(facts: object): void {
  console.log(JSON.stringify(facts));
}

function forever(): Promise<never> {
  return new Promise(() => {
    setInterval(() => undefined, 60_000);
  });
}

@Entity('ledger')
class Entry {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('varchar')
  text!: string;
}

interface OrderRef {
  readonly order: string;
}

@Step({ name: 'book', transactional: true })
class Book implements StepHandler<OrderRef> {
  async execute({ order }: OrderRef, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.insert(Entry, { text: `${order} is booked` });
  }
}

@Injectable()
class Ledger {
  constructor(private readonly dataSource: DataSource) {}

  async write(text: string): Promise<void> {
    await this.dataSource.getRepository(Entry).insert({ text });
  }

  async read(): Promise<string[]> {
    const entries = await this.dataSource.getRepository(Entry).find({ order: { id: 'ASC' } });
    return entries.map(({ text }) => text);
  }
}

@Step('confirm')
class Confirm implements StepHandler<OrderRef> {
  constructor(private readonly ledger: Ledger) {}

  async execute({ order }: OrderRef): Promise<void> {
    if (order === 'interrupted' && phase === 'work') {
      tell({ inTheStep: true });
      await forever();
    }
    await this.ledger.write(`${order} is confirmed`);
  }
}

@Injectable()
class OrdersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly jobs: DistributedJobFactory,
  ) {}

  async place(order: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Entry, { text: `${order} is placed` });
      await this.jobs
        .createJob({ gid: gidOf(order) })
        .addStep(Book, { order })
        .addStep(Confirm, { order })
        .start();
      if (order === 'refused') throw new Error('the order is refused');
      if (order === 'open') {
        tell({ inTheTransaction: true });
        await forever();
      }
    });
  }
}

/** Orders come over HTTP where there is a platform for it. */
@Controller('orders')
class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  async place(@Body() { order }: OrderRef): Promise<object> {
    await this.orders.place(order);
    return { order };
  }
}

const database: TypeOrmModuleOptions = {
  ...settings.database,
  ...(settings.sqliteDriver && {
    driver: createRequire(`${process.cwd()}/`)(settings.sqliteDriver) as object,
  }),
  entities: [Entry],
  synchronize: true,
} as TypeOrmModuleOptions;

@Module({
  imports: [
    TypeOrmModule.forRoot(database),
    SteppingModule.forRoot({
      transactionManager: settings.dtm
        ? dtm({
            server: settings.dtm.server,
            callback,
            secrets: 'Hm3vQz8kTw5xRb1nYc',
            queryPreparedAfter: '1s',
            retryInterval: '1s',
          })
        : selfTm({ leaseDuration: '3s', recoveryInterval: '200ms' }),
    }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService, Ledger, Book, Confirm],
})
class AppModule {}

type Place = (order: string) => Promise<unknown>;

const logger: ('error' | 'warn' | 'fatal')[] = ['error', 'warn', 'fatal'];

async function start(): Promise<{ app: INestApplicationContext; place: Place }> {
  if (settings.platform === 'standalone') {
    const app = await NestFactory.createApplicationContext(AppModule, { logger });
    const orders = app.get(OrdersService);
    return { app, place: (order) => orders.place(order) };
  }
  const name: string = `@nestjs/platform-${settings.platform.toLowerCase()}`;
  const adapters = (await import(name)) as Record<string, new () => AbstractHttpAdapter>;
  const adapter = new adapters[`${settings.platform}Adapter`]!();
  const app = await NestFactory.create(AppModule, adapter, { logger, forceCloseConnections: true });
  await app.listen(settings.dtm?.port ?? 0, '127.0.0.1');
  const url = `${await app.getUrl()}/orders`;
  const headers = { 'content-type': 'application/json' };
  const place: Place = async (order) => {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ order }) });
    if (!response.ok) throw new Error(`answered ${response.status}`);
  };
  return { app, place };
}

const gidOf = (order: string): string => `${settings.run}-${order}`;

async function main(): Promise<void> {
  const { app, place } = await start();
  const jobs = app.get(DistributedJobs);
  const statusOf = async (order: string): Promise<string | null> =>
    (await jobs.find(gidOf(order)))?.status ?? null;
  /** The status once it is one of those expected; whoever started this process bounds the wait. */
  const statusWhen = async (order: string, ...expected: (string | null)[]): Promise<string | null> => {
    for (;;) {
      const status = await statusOf(order);
      if (expected.includes(status)) return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const ended = ['succeeded', 'failed', 'canceled', 'rolledBack'];

  if (phase === 'work') {
    const refused = await place('refused').then(
      () => false,
      () => true,
    );
    await place('committed');
    const committed = await statusWhen('committed', ...ended);
    // DTM keeps a job that rolled back, and hears of it only after the transaction.
    const rolledBack = settings.dtm ? await statusWhen('refused', ...ended) : await statusOf('refused');
    tell({ worked: { refused, committed, rolledBack, ledger: await app.get(Ledger).read() } });
    await place('interrupted');
    await statusWhen('interrupted', 'submitted');
    process.stdin.once('data', () => void place('open'));
    return;
  }

  const interrupted = await statusWhen('interrupted', ...ended);
  const open = settings.dtm ? await statusWhen('open', ...ended) : await statusOf('open');
  const forged = settings.dtm ? await callUnsigned() : null;
  tell({ recovered: { interrupted, open, forged, ledger: await app.get(Ledger).read() } });
  await app.close();
}

/** What a query-back that nobody signed is answered. */
async function callUnsigned(): Promise<number> {
  const query = new URLSearchParams({ gid: gidOf('open'), trans_type: 'msg', branch_id: '00', op: 'msg' });
  query.set('stepping-query', 'nothing that was given out');
  return (await fetch(`${callback}/stepping/query-prepared?${query.toString()}`)).status;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
