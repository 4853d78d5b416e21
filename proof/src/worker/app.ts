/**
 * An application as users build it, from the built library: it places orders when it is told to, over lines of
 * JSON on standard input, and runs the steps of their jobs.
 */
import './clock.js';
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  SteppingModule,
  SteppingOperations,
  type DistributedJob,
  type TransactionManagerStrategy,
} from 'nestjs-stepping';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import type { OperatorOrder } from '../operator-call.js';
import type { JobPlan } from '../plan.js';
import { openEffectLog } from './effects.js';
import { installFault, watchEventLoop } from './faults.js';
import { operate } from './operate.js';
import type { WorkerSettings } from './settings.js';
import { stepClasses, Surroundings } from './steps.js';
import { tell } from './tell.js';

interface Command {
  readonly place?: JobPlan;
  /** Starts jobs of one step as fast as this process can, `parallel` at a time. */
  readonly burst?: { readonly prefix: string; readonly count: number; readonly parallel: number };
  /** Opens transactions that start no job, and keeps them open. */
  readonly occupy?: { readonly transactions: number; readonly milliseconds: number };
  readonly cancel?: string;
  readonly retry?: string;
  readonly memory?: true;
  readonly operate?: OperatorOrder;
}

const settings = JSON.parse(process.env.PROOF_WORKER!) as WorkerSettings;
const { name, timing } = settings;
if (settings.fault) installFault(settings.fault);
watchEventLoop(timing.lease);

/** Each step has its own; this is for events. */
const EVENT_RETRY = { delay: 200, factor: 2, maxDelay: 2000 };

let closing = false;
const placing = new Set<Promise<void>>();
const business = await connect(settings.business, 'default');
const store = settings.store && (await connect(settings.store, 'jobs'));
const events = settings.broker === undefined ? undefined : await import('./outbox.js');
const effects = await openEffectLog(settings.effects, name);

/** Closes the pools after everything else, as `@nestjs/typeorm` does, once all running requests are answered. */
@Injectable()
class Closing implements BeforeApplicationShutdown, OnApplicationShutdown {
  async beforeApplicationShutdown(): Promise<void> {
    closing = true;
    await Promise.allSettled(placing);
  }

  async onApplicationShutdown(): Promise<void> {
    for (const dataSource of [business, store]) {
      if (!dataSource) continue;
      await dataSource.destroy();
      reportLateQueries(dataSource);
    }
    await effects.close();
    tell({ type: 'pool-closed' });
  }
}

/** Reports every request for a connection to a closed pool. */
function reportLateQueries(dataSource: DataSource): void {
  const late = (what: string) => (): never => {
    tell({ type: 'late-query', what });
    throw new Error('the pool is closed');
  };
  Object.assign(dataSource, { createQueryRunner: late('createQueryRunner'), query: late('query') });
  if (dataSource.options.type !== 'better-sqlite3') return;
  Object.defineProperty(dataSource.driver, 'databaseConnection', { get: late('databaseConnection') });
}

@Module({
  imports: [
    SteppingModule.forRoot({ transactionManager: await strategy(), retry: EVENT_RETRY }),
    ...(events ? [events.outboxModule(settings.broker!)] : []),
  ],
  providers: [
    { provide: DataSource, useValue: business },
    ...(store ? [{ provide: 'jobsDataSource', useValue: store }] : []),
    { provide: Surroundings, useValue: new Surroundings(effects, name) },
    ...Object.values(stepClasses),
    Closing,
  ],
})
class WorkerModule {}

const app = settings.dtm
  ? await NestFactory.create(WorkerModule, { logger: ['error', 'warn'], forceCloseConnections: true })
  : await NestFactory.createApplicationContext(WorkerModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
if (settings.dtm)
  await (app as Awaited<ReturnType<typeof NestFactory.create>>).listen(settings.dtm.port, '127.0.0.1');
const factory = app.get(DistributedJobFactory);
const admin = app.get(DistributedJobs);
const operations = app.get(SteppingOperations);
const publish = events?.publisherOf(app);

createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as Command))
  // The parent process is gone.
  .on('close', () => process.exit(0));
tell({ type: 'ready' });

async function obey(command: Command): Promise<void> {
  if (command.place) {
    // Like an HTTP server that shuts down: accepts no more requests.
    if (closing) return tell({ type: 'answer', order: command.place.order, outcome: 'refused', gid: null });
    const work = place(command.place).finally(() => placing.delete(work));
    placing.add(work);
  }
  if (command.burst) await burst(command.burst);
  if (command.occupy) await occupy(command.occupy);
  if (command.operate) await operate(command.operate, { jobs: admin, operations, effects });
  if (command.memory) tell({ type: 'memory', rss: process.memoryUsage.rss() });
  for (const action of ['cancel', 'retry'] as const) {
    const gid = command[action];
    if (gid === undefined) continue;
    const error = await admin[action](gid).then(
      () => null,
      (reason: unknown) => (reason as Error).name,
    );
    tell({ type: action, gid, error });
  }
}

async function place(plan: JobPlan): Promise<void> {
  const { order } = plan;
  let gid: string | null = null;
  try {
    const outcome = await startJob(plan, (started) => (gid = started));
    tell({ type: 'answer', order, outcome, gid });
  } catch (error) {
    const { name: kind, message } = error as Error;
    tell({ type: 'answer', order, outcome: 'error', gid, error: `${kind}: ${message}`.slice(0, 300) });
  }
}

async function startJob(plan: JobPlan, onGid: (gid: string) => void): Promise<'committed' | 'rolledBack'> {
  const { order, fate } = plan;
  if (fate === 'alone') {
    const job = build(plan);
    onGid(job.gid);
    await job.start();
    return 'committed';
  }
  if (fate === 'by-hand' && !settings.dtm) {
    const job = build(plan);
    onGid(job.gid);
    await business.transaction(async (manager) => {
      await insertOrder(manager, order, job.gid);
      await job.prepare();
    });
    await job.submit();
    return 'committed';
  }
  return business
    .transaction(async (manager) => {
      if (plan.event) {
        const gid = await publish!(plan);
        onGid(gid);
        await insertOrder(manager, order, gid);
      } else {
        const job = build(plan);
        onGid(job.gid);
        await insertOrder(manager, order, job.gid);
        await job.start();
      }
      if (fate === 'rollback') throw new OnPurpose();
      return 'committed' as const;
    })
    .catch((error: unknown) => {
      if (error instanceof OnPurpose) return 'rolledBack' as const;
      throw error;
    });
}

function build({ order, ownGid, fate, steps, delay }: JobPlan): DistributedJob {
  const job = factory.createJob({
    ...(ownGid && { gid: order }),
    ...(fate === 'alone' && { transaction: 'none' as const }),
    ...(delay !== undefined && { delay }),
  });
  for (const { kind, ...rest } of steps) job.addStep(stepClasses[kind], { order, ...rest });
  return job;
}

async function insertOrder(manager: EntityManager, order: string, gid: string): Promise<void> {
  const values = business.options.type === 'postgres' ? '$1, $2' : '?, ?';
  await manager.query(`INSERT INTO proof_orders (id, gid) VALUES (${values})`, [order, gid]);
}

async function burst({ prefix, count, parallel }: NonNullable<Command['burst']>): Promise<void> {
  let next = 0;
  let failed = 0;
  const started = performance.now();
  const line = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const order = `${prefix}-${at}`;
      const steps = [{ kind: 'book', work: 0, quiet: true }] as const;
      await startJob({ order, ownGid: true, fate: 'commit', steps }, () => undefined).catch(
        () => (failed += 1),
      );
    }
  };
  await Promise.all(Array.from({ length: parallel }, line));
  tell({ type: 'burst-started', prefix, took: performance.now() - started, failed });
}

async function occupy({ transactions, milliseconds }: NonNullable<Command['occupy']>): Promise<void> {
  const one = (): Promise<void> =>
    business.transaction(async (manager) => {
      await manager.query('SELECT 1');
      await sleep(milliseconds);
    });
  await Promise.all(Array.from({ length: transactions }, one));
}

async function strategy(): Promise<TransactionManagerStrategy> {
  const { dtm: server, concurrency, runSteps } = settings;
  if (server) {
    const { dtm } = await import('nestjs-stepping/dtm');
    return dtm({
      server: server.server,
      callback: `http://127.0.0.1:${server.port}`,
      secrets: 'Wp6dJs2gKq9zFx4mVt',
      queryPreparedAfter: '1s',
      retryInterval: '1s',
      gracePeriod: timing.grace,
    });
  }
  return selfTm({
    leaseDuration: timing.lease,
    recoveryInterval: timing.interval,
    queryPreparedAfter: timing.queryAfter,
    gracePeriod: timing.grace,
    ...(timing.statement !== undefined && { statementTimeout: timing.statement }),
    ...(timing.heartbeat !== undefined && { monitoring: { heartbeat: timing.heartbeat } }),
    ...(concurrency !== undefined && { concurrency }),
    ...(runSteps !== undefined && { runSteps }),
    ...(store && { dataSource: 'jobs' }),
  });
}

/** Each connection carries the name of its process, for the triggers that record who changes a job. */
async function connect(options: DataSourceOptions, dataSource: string): Promise<DataSource> {
  const named = {
    name: dataSource,
    ...options,
    ...(options.type === 'postgres' && { applicationName: `proof:${name}` }),
    ...(options.type === 'better-sqlite3' && {
      prepareDatabase: (database: { function(name: string, call: () => string): void }) =>
        database.function('proof_writer', () => name),
    }),
  } as unknown as DataSourceOptions;
  const connected = await new DataSource(named).initialize();
  if (options.type === 'mariadb') {
    const { pool } = connected.driver as unknown as { pool: SessionPool };
    const sign = `SET @proof_writer = '${name}'`;
    pool.on('connection', (session) => session.query(sign));
    // The one that `initialize()` has opened.
    await connected.query(sign);
  }
  return connected;
}

interface SessionPool {
  on(event: 'connection', listener: (session: { query(sql: string): void }) => void): void;
}

class OnPurpose extends Error {}
