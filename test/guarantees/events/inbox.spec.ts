import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { beforeAll, expect, it } from 'vitest';
import { InvalidOptionError, MessageIdMissingError } from '../../../lib/index.js';
import type { Inbox } from '../../../lib/events/index.js';
import type { TestApplication } from '../../support/application.js';
import { describeBackends, itOn } from '../../support/database.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import type { Databases } from '../../support/placements.js';
import { suiteApplication } from '../../support/suite-application.js';
import { inboxOf, marksOf, withInbox } from './support.js';

describeBackends('Inbox.receive()', (backend) => {
  let app: TestApplication;
  let databases: Databases;
  let inbox: Inbox;
  const statements: { readonly sql: string; readonly runner: unknown }[] = [];
  const logger = {
    logQuery: (sql: string, _: unknown, runner: unknown) => statements.push({ sql, runner }),
    ...Object.fromEntries(
      ['logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'].map((name) => [
        name,
        () => undefined,
      ]),
    ),
  };
  suiteApplication(
    backend,
    'one',
    (started) => ({ app, databases } = started),
    withInbox({}, { dataSource: { logging: true, logger } }),
  );
  beforeAll(() => {
    inbox = inboxOf(app);
  });

  const message = () => ({ consumer: 'billing', id: randomUUID() });
  const insert = (id: string) => (manager: EntityManager) => manager.insert(Order, { id });
  const orders = (id: string) => app.dataSource.getRepository(Order).countBy({ id });

  it('runs the work of a message once, and tells its value', async () => {
    const { consumer, id } = message();
    const work = async (manager: EntityManager) => {
      await manager.insert(Order, { id });
      return 'billed' as const;
    };
    expect(await inbox.receive({ consumer, id }, work)).toEqual({ duplicate: false, value: 'billed' });
    expect(await inbox.receive({ consumer, id }, work)).toEqual({ duplicate: true });
    expect(await orders(id)).toBe(1);
  });

  it('takes a redelivery with other content for the same message', async () => {
    const first = message();
    await inbox.receive(first, insert(first.id));
    const other = randomUUID();
    expect(await inbox.receive(first, insert(other))).toEqual({ duplicate: true });
    expect(await orders(other)).toBe(0);
  });

  it('is received once by each consumer', async () => {
    const { id } = message();
    const consumers: string[] = [];
    for (const consumer of ['billing', 'shipping', 'billing'])
      await inbox.receive({ consumer, id }, () => consumers.push(consumer));
    expect(consumers).toEqual(['billing', 'shipping']);
  });

  it('throws what the work throws, as it is, and marks nothing', async () => {
    const { consumer, id } = message();
    const thrown = { no: 'Error' };
    const failing = inbox.receive({ consumer, id }, async (manager: EntityManager) => {
      await manager.insert(Order, { id });
      throw thrown;
    });
    await expect(failing).rejects.toBe(thrown);
    expect(await orders(id)).toBe(0);
    expect(await inbox.receive({ consumer, id }, insert(id))).toMatchObject({ duplicate: false });
    expect(await orders(id)).toBe(1);
  });

  it('throws what work throws that is not asynchronous', async () => {
    const thrown = new Error('at once');
    const failing = inbox.receive(message(), () => {
      throw thrown;
    });
    await expect(failing).rejects.toBe(thrown);
  });

  it('has the jobs of the work commit with it, and vanish with it', async () => {
    const kept = await inbox.receive(message(), () => startPing(app));
    let lost = '';
    const failing = inbox.receive(message(), async () => {
      lost = await startPing(app);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await expectRanOnce(app, kept.value!);
    await expectNeverRan(app, lost);
  });

  it('compares consumers and ids exactly', async () => {
    const { id } = message();
    const ids = [
      'a',
      'A',
      'a ',
      ' a',
      'ä',
      'a\u0308',
      '',
      'a\u0000',
      'a\u0000b',
      '\ud800',
      '\udc00',
      '"',
      "'",
      '\\',
    ].map((end) => `${id}${end}`);
    const keys = ids.flatMap((each) => ['Shop', 'shop'].map((consumer) => ({ consumer, id: each })));
    for (const key of keys) expect(await inbox.receive(key, () => 1)).toEqual({ duplicate: false, value: 1 });
    for (const key of keys) expect(await inbox.receive(key, () => 1)).toEqual({ duplicate: true });
  });

  it('knows long ids to their last character', async () => {
    const long = randomUUID().repeat(3000);
    expect(await inbox.receive({ consumer: 'long', id: `${long}1` }, () => 1)).toMatchObject({
      duplicate: false,
    });
    expect(await inbox.receive({ consumer: 'long', id: `${long}2` }, () => 2)).toMatchObject({
      duplicate: false,
    });
    expect(await inbox.receive({ consumer: 'long', id: `${long}1` }, () => 3)).toEqual({ duplicate: true });
    const rows = (await marksOf(databases.business)).filter(({ consumer }) => consumer === 'long');
    expect(rows.map(({ id }) => id.slice(0, 36))).toEqual([long.slice(0, 36), long.slice(0, 36)]);
  });

  it('shows who received what to those who read the table', async () => {
    await inbox.receive({ consumer: 'shown', id: 'plain 1' }, () => 1);
    await inbox.receive({ consumer: 'shown', id: 'nul \u0000 and \n' }, () => 1);
    const rows = (await marksOf(databases.business)).filter(({ consumer }) => consumer === 'shown');
    expect(rows.map(({ id }) => id)).toEqual(['plain 1', 'nul \\u{0} and \\n']);
  });

  it.each([[undefined], [''], [null], [7], [{}]])('refuses %j as an id', async (id) => {
    const ran: unknown[] = [];
    const refused = inbox.receive({ consumer: 'billing', id: id as string }, () => ran.push(id));
    await expect(refused).rejects.toBeInstanceOf(MessageIdMissingError);
    await expect(refused).rejects.toMatchObject({ consumer: 'billing', code: 'STEPPING_MESSAGE_ID_MISSING' });
    expect(ran).toEqual([]);
  });

  it.each([[undefined], [''], [' billing'], ['a\nb'], ['x'.repeat(256)], [7]])(
    'refuses %j as a consumer',
    async (consumer) => {
      const refused = inbox.receive({ consumer: consumer as string, id: '1' }, () => 1);
      await expect(refused).rejects.toBeInstanceOf(InvalidOptionError);
      await expect(refused).rejects.toMatchObject({ option: 'consumer' });
    },
  );

  it('takes a consumer of 255 characters of any language', async () => {
    const key = { consumer: 'ü'.repeat(255), id: randomUUID() };
    expect(await inbox.receive(key, () => 1)).toMatchObject({ duplicate: false });
    expect(await inbox.receive(key, () => 1)).toEqual({ duplicate: true });
  });

  // One connection, so that there is no outside.
  itOn(
    backend,
    'postgres',
    'mariadb',
  )('an injected repository writes outside of its transaction', async () => {
    const repository = app.dataSource.getRepository(Order);
    const key = message();
    const failing = inbox.receive(key, async () => {
      await repository.insert({ id: key.id });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await orders(key.id)).toBe(1);
  });

  it('manager.withRepository() brings one into its transaction', async () => {
    const repository = app.dataSource.getRepository(Order);
    const key = message();
    const failing = inbox.receive(key, async (manager: EntityManager) => {
      await manager.withRepository(repository).insert({ id: key.id });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await orders(key.id)).toBe(0);
  });

  it('marks before anything else in its transaction', async () => {
    const key = message();
    let runner: unknown;
    await inbox.receive(key, async (manager: EntityManager) => {
      runner = manager.queryRunner;
      await manager.insert(Order, { id: key.id });
    });
    const sent = statements.filter((statement) => statement.runner === runner).map(({ sql }) => sql);
    // TypeORM reads back what it has inserted, on SQLite.
    const begun = sent.findLastIndex((sql) => /^(?:START|BEGIN) TRANSACTION/.test(sql));
    expect(
      sent
        .slice(begun)
        .filter((sql) => !sql.startsWith('SELECT'))
        .map((sql) => sql.trim().replace(/^(\S+ ?(?:IGNORE )?(?:INTO)? ?\S*).*/s, '$1')),
    ).toEqual([
      expect.stringMatching(/TRANSACTION$/),
      expect.stringMatching(/^INSERT .*stepping_inbox/),
      expect.stringMatching(/^INSERT .*orders/),
      'COMMIT',
    ]);
  });

  itOn(backend, 'postgres')('says so when its COMMIT was none, since the work caught an error', async () => {
    const key = message();
    const swallowing = inbox.receive(key, async (manager: EntityManager) => {
      await manager.insert(Order, { id: key.id });
      await manager.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(swallowing).rejects.toMatchObject({
      code: 'STEPPING_INBOX_TRANSACTION',
      message: expect.stringContaining('has rolled it back'),
    });
    expect(await inbox.receive(key, insert(key.id))).toMatchObject({ duplicate: false });
    expect(await orders(key.id)).toBe(1);
  });
});
