import { randomUUID } from 'node:crypto';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager, QueryRunner } from 'typeorm';
import { beforeAll, expect, it } from 'vitest';
import { TransactionConflictError } from '../../../lib/index.js';
import type { Inbox, Received } from '../../../lib/events/index.js';
import { TestApplication } from '../../support/application.js';
import { startApp, type AppProcess } from '../../support/child-process.js';
import { describeBackends, exceptOnTidb, itOn, onTidb } from '../../support/database.js';
import { Order } from '../../support/order.entity.js';
import type { Databases } from '../../support/placements.js';
import { suiteApplication } from '../../support/suite-application.js';
import { waitFor } from '../../support/wait-for.js';
import { Door, inboxOf, lockWaited, withInbox } from './support.js';

describeBackends('deliveries of one message at once', (backend) => {
  let app: TestApplication;
  let databases: Databases;
  let inbox: Inbox;
  suiteApplication(
    backend,
    'one',
    (started) => ({ app, databases } = started),
    // On SQLite, a file that another process has locked would keep the recovery waiting, and this process with it.
    withInbox({}, { selfTm: { store: 'memory' } }),
  );
  beforeAll(() => {
    inbox = inboxOf(app);
  });

  const message = () => ({ consumer: 'billing', id: randomUUID() });
  const insert = (id: string) => (manager: EntityManager) => manager.insert(Order, { id });
  const orders = (id: string) => app.dataSource.getRepository(Order).countBy({ id });

  it('one runs, the other waits and says duplicate', async () => {
    const key = message();
    const [working, door] = [new Door(), new Door()];
    const first = inbox.receive(key, async (manager: EntityManager) => {
      await manager.insert(Order, { id: key.id });
      working.open();
      await door.opened;
    });
    await working.opened;
    let ended = false;
    const second = inbox.receive(key, insert(key.id)).finally(() => (ended = true));
    await lockWaited(backend, databases.business);
    expect(ended).toBe(false);
    door.open();
    expect(await second).toEqual({ duplicate: true });
    // By then the first one has committed.
    expect(await orders(key.id)).toBe(1);
    expect(await first).toEqual({ duplicate: false, value: undefined });
  });

  it('the other runs when the first one fails', async () => {
    const key = message();
    const [working, door] = [new Door(), new Door()];
    const first = inbox.receive(key, async (manager: EntityManager) => {
      await manager.insert(Order, { id: key.id });
      working.open();
      await door.opened;
      throw new Error('no');
    });
    first.catch(() => undefined);
    await working.opened;
    const second = inbox.receive(key, insert(key.id));
    await lockWaited(backend, databases.business);
    door.open();
    await expect(first).rejects.toThrow('no');
    expect(await second).toMatchObject({ duplicate: false });
    expect(await orders(key.id)).toBe(1);
  });

  it('one of many runs', async () => {
    const key = message();
    const received = await Promise.all(Array.from({ length: 20 }, () => inbox.receive(key, insert(key.id))));
    expect(received.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await orders(key.id)).toBe(1);
  });

  // SQLite has no levels, and one connection.
  const levels = ['REPEATABLE READ', 'SERIALIZABLE'] as const;
  // TiDB has no SERIALIZABLE.
  for (const isolation of onTidb ? levels.slice(0, 1) : levels) {
    itOn(
      backend,
      'postgres',
      'mariadb',
    )(`in transactions of ${isolation}, one runs, the others conflict or say duplicate`, async () => {
      const key = message();
      const deliver = (): Promise<Received<unknown>> =>
        app.dataSource.transaction(isolation, async (manager) => {
          // A snapshot from before the mark of the other one.
          await manager.count(Order);
          return inbox.receive(key, insert(key.id));
        });
      const delivered = await Promise.allSettled(Array.from({ length: 6 }, deliver));
      const errors = delivered
        .filter(({ status }) => status === 'rejected')
        .map((one) => (one as PromiseRejectedResult).reason as Error);
      const ran = delivered.filter((one) => one.status === 'fulfilled' && !one.value.duplicate);
      expect(ran.length).toBeLessThanOrEqual(1);
      // Of the COMMIT, which is the application's own, the error is the driver's.
      for (const error of errors)
        expect(
          error instanceof TransactionConflictError || /serialize|deadlock|has changed/i.test(error.message),
        ).toBe(true);
      // Delivered again until that is no conflict.
      await waitFor(() => deliver());
      expect(await orders(key.id)).toBe(1);
      expect(await inbox.receive(key, insert(key.id))).toEqual({ duplicate: true });
    });
  }

  itOn(backend, 'postgres')(
    'a snapshot from before the mark of another is a conflict that names the message',
    async () => {
      const key = message();
      const late = app.dataSource.transaction('REPEATABLE READ', async (manager) => {
        await manager.count(Order);
        await outside(() => inbox.receive(key, insert(key.id)));
        return inbox.receive(key, insert(key.id));
      });
      await expect(late).rejects.toBeInstanceOf(TransactionConflictError);
      await expect(late).rejects.toMatchObject({
        code: 'STEPPING_TRANSACTION_CONFLICT',
        gid: key.id,
        message: expect.stringContaining(`The message "${key.id}" for 'billing'`),
      });
      expect(await orders(key.id)).toBe(1);
    },
  );

  itOn(backend, 'mariadb')('a deadlock that the work swallows does not count as received', async () => {
    const [a, b, key] = [randomUUID(), randomUUID(), message()];
    await app.dataSource.getRepository(Order).insert([{ id: a }, { id: b }]);
    const touch = (runner: Pick<QueryRunner, 'query'>, id: string) =>
      runner.query('UPDATE orders SET note = CONCAT(note, ?) WHERE id = ?', ['x', id]);
    // Has written more, so that the other one is given up.
    const other = app.dataSource.createQueryRunner();
    await outside(() => other.startTransaction());
    try {
      for (let row = 0; row < 50; row += 1) await other.manager.insert(Order, { id: randomUUID() });
      await touch(other, a);
      let crossing: Promise<unknown> | undefined;
      const received = inbox.receive(key, async (manager: EntityManager) => {
        await touch(manager, b);
        crossing = touch(other, b);
        await touch(manager, a).catch(() => undefined);
        await crossing;
      });
      await expect(received).rejects.toMatchObject({ code: 'STEPPING_INBOX_TRANSACTION' });
    } finally {
      await other.rollbackTransaction();
      await other.release();
    }
    expect(await inbox.receive(key, () => 1)).toMatchObject({ duplicate: false });
  });

  exceptOnTidb('it has no such setting', itOn(backend, 'mariadb'))(
    'a record that has changed, which the work swallows, does not count as received',
    async () => {
      const [contested, key] = [randomUUID(), message()];
      await app.dataSource.getRepository(Order).insert({ id: contested });
      const received = inbox.receive(key, async (manager: EntityManager) => {
        await manager.query('SET innodb_snapshot_isolation = ON');
        await manager.count(Order);
        await databases.business.query('UPDATE orders SET note = ? WHERE id = ?', ['theirs', contested]);
        const late = manager.update(Order, contested, { note: 'mine' });
        await expect(late).rejects.toMatchObject({ errno: 1020 });
        await manager.query('SET innodb_snapshot_isolation = DEFAULT');
      });
      await expect(received).rejects.toMatchObject({ code: 'STEPPING_INBOX_TRANSACTION' });
      expect(await inbox.receive(key, () => 1)).toMatchObject({ duplicate: false });
    },
  );

  itOn(backend, 'postgres')('a conflict of its own COMMIT is one that names the message', async () => {
    const name = `serializable-${randomUUID()}`;
    const [x, y] = [message(), message()];
    const [first, second] = [new Door(), new Door()];
    // Each reads what the other writes.
    const skewed = (key: typeof x, mine: Door, other: Door) =>
      serializable.receive(key, async (manager: EntityManager) => {
        await manager.countBy(Order, { note: name });
        await manager.insert(Order, { id: key.id, note: name });
        mine.open();
        await other.opened;
      });
    const own = await TestApplication.start(databases, {
      ...withInbox(),
      dataSource: {
        extra: {
          options: `-c search_path=${databases.business.schema} -c default_transaction_isolation=serializable`,
        },
      },
    });
    const serializable = inboxOf(own);
    try {
      const settled = await Promise.allSettled([skewed(x, first, second), skewed(y, second, first)]);
      const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      expect(refused).toHaveLength(1);
      expect(refused[0]!.reason).toBeInstanceOf(TransactionConflictError);
      expect([x.id, y.id]).toContain((refused[0]!.reason as TransactionConflictError).gid);
      const again = await Promise.all([x, y].map((key) => inbox.receive(key, () => 1)));
      expect(again.filter(({ duplicate }) => duplicate)).toHaveLength(1);
    } finally {
      await own.close();
    }
  });

  it('in another process: it waits for that one, and says duplicate', async () => {
    const key = message();
    const other = await startReceiver();
    other.send({ ...key, order: key.id, hold: true });
    await other.waitForMessage(({ type }) => type === 'working');
    // On SQLite the driver waits, and nothing else happens in this process meanwhile.
    if (backend === 'sqlite') other.send({ release: true });
    const second = inbox.receive(key, insert(key.id));
    await lockWaited(backend, databases.business);
    other.send({ release: true });
    expect(await second).toEqual({ duplicate: true });
    expect(await other.waitForMessage(({ type }) => type === 'received')).toMatchObject({ duplicate: false });
    expect(await orders(key.id)).toBe(1);
  });

  it('of a process that is killed between the mark and its COMMIT: delivered again, it runs', async () => {
    const key = message();
    const other = await startReceiver();
    other.send({ ...key, order: `lost-${key.id}`, hold: true });
    await other.waitForMessage(({ type }) => type === 'working');
    await other.kill('SIGKILL');
    expect(await inbox.receive(key, insert(key.id))).toMatchObject({ duplicate: false });
    expect([await orders(key.id), await orders(`lost-${key.id}`)]).toEqual([1, 0]);
  });

  it('of a process that is killed after its COMMIT: delivered again, it is a duplicate', async () => {
    const key = message();
    const other = await startReceiver();
    other.send({ ...key, order: key.id });
    await other.waitForMessage(({ type }) => type === 'received');
    await other.kill('SIGKILL');
    expect(await inbox.receive(key, insert(key.id))).toEqual({ duplicate: true });
    expect(await orders(key.id)).toBe(1);
  });

  async function startReceiver(): Promise<AppProcess> {
    const options = JSON.stringify(databases.business.dataSourceOptions());
    const receiver = startApp('inbox', { env: { INBOX: options } });
    await receiver.waitForMessage(({ type }) => type === 'ready');
    return receiver;
  }
});

const outside = AsyncLocalStorage.snapshot();
