import { randomUUID } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { Transactional, TransactionHost, ClsPluginTransactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { Test } from '@nestjs/testing';
import { Global, Module } from '@nestjs/common';
import { ClsModule } from 'nestjs-cls';
import {
  addTransactionalDataSource,
  deleteDataSourceByName,
  initializeTransactionalContext,
  runInTransaction,
  StorageDriver,
} from 'typeorm-transactional';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import type { Inbox } from '../../../lib/events/index.js';
import { connect, type TestApplication } from '../../support/application.js';
import { createDatabase, describeBackends, itOn, type TestDatabase } from '../../support/database.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { suiteApplication } from '../../support/suite-application.js';
import { Door, inboxOf, withInbox } from './support.js';

initializeTransactionalContext({ storageDriver: StorageDriver.AUTO });

const failure = new Error('rolled back');

/** Receives a message in a step, whose transaction is around it. */
@Step({ name: 'receive-in-step', transactional: true, retry: { delay: 5, maxDelay: 5, jitter: false } })
class ReceiveInStep implements StepHandler<{ id: string }> {
  static inbox: Inbox;
  static readonly duplicates: boolean[] = [];

  async execute({ id }: { id: string }, { attempt }: StepContext): Promise<void> {
    const { duplicate } = await ReceiveInStep.inbox.receive({ consumer: 'step', id }, (manager) =>
      manager.insert(Order, { id }),
    );
    ReceiveInStep.duplicates.push(duplicate);
    if (attempt === 1) throw failure;
  }
}

describeBackends('Inbox.receive() in a transaction', (backend) => {
  let app: TestApplication;
  let inbox: Inbox;
  let elsewhere: TestDatabase;
  let second: DataSource;
  beforeAll(async () => {
    elsewhere = await createDatabase(backend);
    second = await connect(elsewhere, { name: 'second' });
  });
  suiteApplication(
    backend,
    'one',
    (started) => ({ app } = started),
    withInbox({}, { providers: [ReceiveInStep, { provide: 'second', useFactory: () => second }] }),
  );
  beforeAll(() => {
    inbox = inboxOf(app);
    ReceiveInStep.inbox = inbox;
    ReceiveInStep.duplicates.length = 0;
  });
  afterAll(async () => {
    if (second?.isInitialized) await second.destroy();
    await elsewhere?.drop();
  });

  const message = () => ({ consumer: 'billing', id: randomUUID() });
  const insert = (id: string) => (manager: EntityManager) => manager.insert(Order, { id });
  const failing = (id: string) => async (manager: EntityManager) => {
    await manager.insert(Order, { id });
    throw failure;
  };
  const orders = (id: string) => app.dataSource.getRepository(Order).countBy({ id });

  it('commits and rolls back with it', async () => {
    const key = message();
    const rolledBack = app.dataSource.transaction(async () => {
      expect(await inbox.receive(key, insert(key.id))).toMatchObject({ duplicate: false });
      expect(await inbox.receive(key, insert(key.id))).toEqual({ duplicate: true });
      throw failure;
    });
    await expect(rolledBack).rejects.toBe(failure);
    expect(await orders(key.id)).toBe(0);
    await app.dataSource.transaction(() => inbox.receive(key, insert(key.id)));
    expect(await orders(key.id)).toBe(1);
    expect(await inbox.receive(key, insert(key.id))).toEqual({ duplicate: true });
  });

  it('leaves no mark of work that throws, whoever catches it, and what was there before', async () => {
    const before = randomUUID();
    const key = message();
    const gids: string[] = [];
    await app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: before });
      const attempt = inbox.receive(key, async (inner: EntityManager) => {
        gids.push(await startPing(app));
        await failing(key.id)(inner);
      });
      await expect(attempt).rejects.toBe(failure);
      gids.push(await startPing(app));
    });
    expect([await orders(before), await orders(key.id)]).toEqual([1, 0]);
    await expectRanOnce(app, gids[1]!);
    await expectNeverRan(app, gids[0]!);
    expect(await inbox.receive(key, insert(key.id))).toMatchObject({ duplicate: false });
  });

  it('keeps apart several that are received at once', async () => {
    const [first, second_, third] = [message(), message(), message()];
    const door = new Door();
    await app.dataSource.transaction(async () => {
      const receiving = Promise.allSettled([
        inbox.receive(first, async (manager: EntityManager) => {
          await door.opened;
          await failing(first.id)(manager);
        }),
        inbox.receive(second_, insert(second_.id)),
        inbox.receive(third, failing(third.id)),
      ]);
      door.open();
      expect((await receiving).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    });
    const counts = await Promise.all([first, second_, third].map(({ id }) => orders(id)));
    expect(counts).toEqual([0, 1, 0]);
    for (const key of [first, third])
      expect(await inbox.receive(key, insert(key.id))).toMatchObject({ duplicate: false });
    expect(await inbox.receive(second_, insert(second_.id))).toEqual({ duplicate: true });
  });

  it('can be nested: the inner mark goes with the outer one', async () => {
    const [outer, inner] = [message(), message()];
    const nested = inbox.receive(outer, async (manager: EntityManager) => {
      await insert(outer.id)(manager);
      await inbox.receive(inner, insert(inner.id));
      throw failure;
    });
    await expect(nested).rejects.toBe(failure);
    for (const key of [outer, inner])
      expect(await inbox.receive(key, insert(key.id))).toMatchObject({ duplicate: false });
  });

  it('is part of a transactional step, and of the attempt that commits', async () => {
    const id = randomUUID();
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(ReceiveInStep, { id }).start();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(ReceiveInStep.duplicates).toEqual([false, false]);
    expect(await orders(id)).toBe(1);
    expect(await inbox.receive({ consumer: 'step', id }, () => 1)).toEqual({ duplicate: true });
  });

  it('refuses one of another DataSource, and says what to do', async () => {
    const ran: string[] = [];
    const refused = second.transaction(() => inbox.receive(message(), () => ran.push('ran')));
    await expect(refused).rejects.toMatchObject({
      code: 'STEPPING_INBOX_TRANSACTION',
      message: expect.stringMatching(/'second'.*'default'.*Call receive\(\) outside/),
    });
    expect(ran).toEqual([]);
  });

  it('refuses one that was begun on a query runner, and says what to do', async () => {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      await expect(inbox.receive(message(), () => 1)).rejects.toMatchObject({
        code: 'STEPPING_INBOX_TRANSACTION',
        message: expect.stringContaining('startTransaction()'),
      });
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
  });

  it('refuses one that has ended', async () => {
    const door = new Door();
    let late: Promise<unknown> | undefined;
    await app.dataSource.transaction(async () => {
      late = door.opened.then(() => inbox.receive(message(), () => 1));
      late.catch(() => undefined);
    });
    door.open();
    await expect(late).rejects.toMatchObject({
      code: 'STEPPING_INBOX_TRANSACTION',
      message: expect.stringContaining('already ended'),
    });
  });

  itOn(backend, 'mariadb')('leaves no mark where a COMMIT by hand has ended it', async () => {
    const key = message();
    const ended = app.dataSource.transaction(async (manager) => {
      await manager.query('COMMIT');
      await inbox.receive(key, () => 1);
    });
    await expect(ended).rejects.toMatchObject({ code: 'STEPPING_INBOX_TRANSACTION' });
    expect(await inbox.receive(key, () => 1)).toMatchObject({ duplicate: false });
  });

  it('joins @Transactional() of typeorm-transactional', async () => {
    const { dataSource } = app;
    addTransactionalDataSource(dataSource);
    try {
      const repository = dataSource.getRepository(Order);
      const [kept, lost] = [message(), message()];
      await runInTransaction(async () => {
        // Its repositories find the transaction by themselves.
        await inbox.receive(kept, () => repository.insert({ id: kept.id }));
        await expect(inbox.receive(lost, failing(lost.id))).rejects.toBe(failure);
      });
      expect([await orders(kept.id), await orders(lost.id)]).toEqual([1, 0]);
      const rolledBack = runInTransaction(async () => {
        await inbox.receive(lost, insert(lost.id));
        throw failure;
      });
      await expect(rolledBack).rejects.toBe(failure);
      expect(await inbox.receive(lost, insert(lost.id))).toMatchObject({ duplicate: false });
    } finally {
      deleteDataSourceByName('default');
    }
  });

  describe('of @nestjs-cls/transactional', () => {
    let close: () => Promise<void>;
    let host: TransactionHost<TransactionalAdapterTypeOrm>;
    beforeAll(async () => {
      @Global()
      @Module({ providers: [{ provide: DataSource, useValue: app.dataSource }], exports: [DataSource] })
      class Sources {}
      const adapter = new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource });
      const context = await Test.createTestingModule({
        imports: [Sources, ClsModule.forRoot({ plugins: [new ClsPluginTransactional({ adapter })] })],
      }).compile();
      await context.init();
      host = context.get(TransactionHost);
      close = () => context.close();
    });
    afterAll(() => close?.());

    it('joins it', async () => {
      const key = message();
      class Handler {
        @Transactional()
        async handle(end: () => void): Promise<unknown> {
          const received = await inbox.receive(key, () => host.tx.insert(Order, { id: key.id }));
          end();
          return received;
        }
      }
      const rolledBack = new Handler().handle(() => {
        throw failure;
      });
      await expect(rolledBack).rejects.toBe(failure);
      expect(await orders(key.id)).toBe(0);
      expect(await new Handler().handle(() => undefined)).toMatchObject({ duplicate: false });
      expect(await new Handler().handle(() => undefined)).toEqual({ duplicate: true });
    });
  });
});
