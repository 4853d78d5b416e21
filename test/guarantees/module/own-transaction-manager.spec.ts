import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Test, type TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  SteppingModule,
  type TransactionManagerStrategy,
} from '../../../lib/index.js';
import { connect } from '../../support/application.js';
import { codecOption } from '../../support/codec.js';
import { Effect, Order } from '../../support/order.entity.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, SendEmail, stepClasses, WriteEffect } from '../../support/steps.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

const root = new URL('../../..', import.meta.url).pathname;

// Inside the repository, so that packages are found as by any file of it.
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'strategy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The strategy of the documentation, as a reader would have it. */
async function documentedStrategy(): Promise<() => TransactionManagerStrategy> {
  const text = readFileSync(join(root, 'docs/transaction-managers.md'), 'utf8');
  const file = join(folder, 'memory-tm.ts');
  writeFileSync(file, /^```ts\n(.*?)^```$/ms.exec(text)![1]!);
  return ((await import(/* @vite-ignore */ file)) as { memoryTm: () => TransactionManagerStrategy }).memoryTm;
}

let application: TestingModule;
let database: TestDatabase;
let dataSource: DataSource;
const jobs = (): DistributedJobFactory => application.get(DistributedJobFactory);
const admin = (): DistributedJobs => application.get(DistributedJobs);
const recording = (): Recording => application.get(Recording);
const ended = (gid: string, status = 'succeeded') =>
  waitFor(async () => {
    const job = await admin().find(gid);
    return job?.status === status && job;
  });

beforeEach(async () => {
  const memoryTm = await documentedStrategy();
  database = await createDatabase('sqlite');
  dataSource = await connect(database);
  application = await Test.createTestingModule({
    imports: [SteppingModule.forRoot({ ...codecOption(), transactionManager: memoryTm() })],
    providers: [Recording, ...stepClasses, { provide: DataSource, useValue: dataSource }],
  }).compile();
  await application.init();
});

afterEach(async () => {
  await application?.close();
  await dataSource?.destroy();
  await database?.drop();
});

it('runs the steps after the commit, in order', async () => {
  const job = jobs().createJob().addStep(SendEmail, { orderId: '1' }).addStep(Ping);
  await dataSource.transaction(async (manager) => {
    await manager.insert(Order, { id: '1' });
    await job.start();
    expect(await admin().find(job.gid)).toMatchObject({ status: 'prepared' });
  });
  await ended(job.gid);
  expect(recording().trace(job.gid)).toEqual(['send-email#1', 'ping#1']);
  expect(recording().of(job.gid)[0]!.args).toEqual({ orderId: '1' });
});

it('forgets a job whose transaction is rolled back', async () => {
  const job = jobs().createJob().addStep(Ping);
  const failing = dataSource.transaction(async () => {
    await job.start();
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await waitFor(async () => (await admin().find(job.gid)) === null);
  expect(recording().of(job.gid)).toEqual([]);
});

it('runs a job outside any transaction', async () => {
  const { gid } = await jobs().createJob({ transaction: 'none' }).addStep(Ping).start();
  await ended(gid);
  expect(recording().trace(gid)).toEqual(['ping#1']);
});

it('retries a failing step as the step says, and fails the job after its last attempt', async () => {
  recording().onExecute = ({ attempt, step }) => {
    if (step === 'limited' && attempt < 3) throw new Error('down');
  };
  const { gid } = await jobs().createJob({ transaction: 'none' }).addStep(Limited).addStep(Ping).start();
  await ended(gid);
  expect(recording().trace(gid)).toEqual(['limited#1', 'limited#2', 'limited#3', 'ping#1']);

  recording().onExecute = () => {
    throw new Error('down for good');
  };
  const hopeless = await jobs().createJob({ transaction: 'none' }).addStep(Limited).addStep(Ping).start();
  await expect(ended(hopeless.gid, 'failed')).resolves.toMatchObject({ error: 'Error: down for good' });
  expect(recording().trace(hopeless.gid)).toEqual(['limited#1', 'limited#2', 'limited#3']);
});

it('gives a transactional step its transaction, whose effects happen once', async () => {
  recording().onExecute = ({ attempt }) => {
    if (attempt === 1) throw new Error('not yet');
  };
  const job = jobs().createJob({ transaction: 'none' }).addStep(WriteEffect, { orderId: '1' });
  await job.start();
  await ended(job.gid);
  expect(recording().trace(job.gid)).toEqual(['write-effect#1', 'write-effect#2']);
  expect(await dataSource.manager.find(Effect)).toMatchObject([{ key: `${job.gid}:0` }]);
});

it('does not run a step that this process does not provide', async () => {
  const { gid } = await jobs().createJob({ transaction: 'none' }).addStep(Ping).addStep('elsewhere').start();
  await waitFor(async () => recording().of(gid).length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await admin().find(gid)).toMatchObject({ status: 'submitted' });
});

it('ends running steps at shutdown', async () => {
  let aborted: unknown;
  recording().onExecute = async (_, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted = signal.reason;
  };
  const { gid } = await jobs().createJob({ transaction: 'none' }).addStep(Ping).start();
  await waitFor(async () => recording().of(gid).length === 1);
  await application.close();
  expect(aborted).toMatchObject({ name: 'StepInterruptedError' });
});

it('calls steps outside the context of the request that started the job', async () => {
  const request = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  recording().onExecute = () => void seen.push(request.getStore());
  const { gid } = await request.run('request', () =>
    jobs().createJob({ transaction: 'none' }).addStep(Ping).start(),
  );
  await ended(gid);
  expect(seen).toEqual([undefined]);
});
