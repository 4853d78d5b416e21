/**
 * An application as users build it, in a process of its own: it starts jobs when the test tells it to, runs
 * steps and reports what they do. `WORKER` holds its settings as JSON.
 */
import './support/clock.js';
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import {
  Injectable,
  Module,
  type INestApplicationContext,
  type NestApplicationOptions,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  SteppingModule,
  type SelfTmOptions,
} from 'nestjs-stepping';
import { dtm, type DtmOptions } from 'nestjs-stepping/dtm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { codecOption } from '../support/codec.js';
import { Effect, Order } from '../support/order.entity.js';
import { installFaults, type Fault } from './support/faults.js';
import { processName, releases, stepClasses, stepsByName, type Behaviour } from './support/steps.js';
import { tell } from './support/tell.js';

interface WorkerSettings {
  readonly business: DataSourceOptions;
  /** Where the jobs are, unless they are beside the orders. */
  readonly store?: DataSourceOptions;
  readonly selfTm?: SelfTmOptions;
  /** DTM instead of the self-TM. */
  readonly dtm?: DtmOptions;
  /** Where DTM calls this process over HTTP. */
  readonly port?: number;
  readonly faults?: readonly Fault[];
  /** MariaDB: the time zone of every session. */
  readonly sessionTimeZone?: string;
}

interface StartCommand {
  readonly gid?: string;
  readonly steps: readonly (readonly [keyof typeof stepsByName, Behaviour?])[];
  /** Milliseconds. */
  readonly delay?: number;
  readonly transaction?: 'commit' | 'rollback' | 'none';
  /** So many jobs at once, each in a transaction of its own. */
  readonly times?: number;
}

interface Command {
  readonly start?: StartCommand;
  readonly release?: boolean;
  readonly close?: boolean;
}

const settings = JSON.parse(process.env.WORKER!) as WorkerSettings;
if (settings.faults) installFaults(settings.faults);

const business = await connect(
  { ...settings.business, entities: [Order, Effect] } as DataSourceOptions,
  'default',
);
const store = settings.store && (await connect(settings.store, 'jobs'));

@Injectable()
class Closing implements OnApplicationShutdown {
  async onApplicationShutdown(): Promise<void> {
    for (const dataSource of [business, store]) await dataSource?.destroy();
  }
}

@Module({
  imports: [
    SteppingModule.forRoot({
      ...codecOption(),
      transactionManager: settings.dtm
        ? dtm(settings.dtm)
        : selfTm({
            leaseDuration: 1000,
            recoveryInterval: 100,
            queryPreparedAfter: 300,
            gracePeriod: 2000,
            ...(store && { dataSource: 'jobs' }),
            ...settings.selfTm,
          }),
      onJobFailed: (job, error) => {
        tell({ type: 'failed', process: processName, gid: job.gid, error: (error as Error).name });
      },
    }),
  ],
  providers: [
    { provide: DataSource, useValue: business },
    ...(store ? [{ provide: 'jobsDataSource', useValue: store }] : []),
    ...stepClasses,
    Closing,
  ],
})
class WorkerModule {}

const app = await createApplication();
// SIGTERM ends it as it ends applications in production.
app.enableShutdownHooks();
const factory = app.get(DistributedJobFactory);
const admin = app.get(DistributedJobs);

createInterface({ input: process.stdin }).on('line', (line) => {
  obey(JSON.parse(line) as Command).catch((error: unknown) => tell({ type: 'error', error: String(error) }));
});
tell({ type: 'ready', now: Date.now() });

async function createApplication(): Promise<INestApplicationContext> {
  const options: NestApplicationOptions = { logger: ['error', 'warn'] };
  if (settings.dtm?.protocol !== 'http') return NestFactory.createApplicationContext(WorkerModule, options);
  const server = await NestFactory.create(WorkerModule, { ...options, forceCloseConnections: true });
  await server.listen(settings.port!, '127.0.0.1');
  return server;
}

async function obey(command: Command): Promise<void> {
  if (command.release) releases.release();
  if (command.start) await startAll(command.start);
  if (command.close) {
    await app.close();
    tell({ type: 'closed' });
    process.exit(0);
  }
}

async function startAll(command: StartCommand): Promise<void> {
  const { times } = command;
  if (times === undefined) return startOne(command, command.gid);
  await Promise.all(
    Array.from({ length: times }, (_, at) => startOne(command, `${command.gid ?? 'job'}-${at}`)),
  );
  tell({ type: 'all-started' });
}

async function startOne(
  { steps, delay, transaction = 'commit' }: StartCommand,
  gid: string | undefined,
): Promise<void> {
  const start = async (): Promise<string> => {
    const job = factory.createJob({
      ...(gid !== undefined && { gid }),
      ...(delay !== undefined && { delay }),
      ...(transaction === 'none' && { transaction }),
    });
    for (const [name, behaviour = {}] of steps) job.addStep(stepsByName[name], behaviour);
    await job.start();
    return job.gid;
  };
  if (transaction === 'none') return tell({ type: 'started', gid: await start() });

  const started = await business
    .transaction(async (manager) => {
      await manager.insert(Order, { id: gid ?? 'order' });
      const id = await start();
      if (transaction === 'rollback') throw new RolledBack(id);
      return id;
    })
    .catch((error: unknown) => {
      if (error instanceof RolledBack) return error.gid;
      throw error;
    });
  const dueAt = (await admin.find(started))?.dueAt;
  tell({ type: 'started', gid: started, dueAt });
}

async function connect(options: DataSourceOptions, name: string): Promise<DataSource> {
  const dataSource = await new DataSource(Object.assign({ name }, options)).initialize();
  const { sessionTimeZone } = settings;
  if (sessionTimeZone !== undefined) {
    const { pool } = dataSource.driver as unknown as { pool: SessionPool };
    pool.on('connection', (session) => session.query(`SET time_zone = '${sessionTimeZone}'`));
  }
  return dataSource;
}

interface SessionPool {
  on(event: 'connection', listener: (session: { query(sql: string): void }) => void): void;
}

class RolledBack extends Error {
  constructor(readonly gid: string) {
    super('rolled back, as told');
  }
}
