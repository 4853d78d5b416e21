import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { InboxTransactionError, SchemaOutdatedError } from '../../lib/errors/index.js';
import { inboxFor } from '../../lib/store/databases.js';
import type { InboxStore, MessageKey } from '../../lib/store/inbox-store.js';
import { createDatabase, describeBackends, itOn, type TestDatabase } from '../support/database.js';
import { onRunner, openDataSource, type OpenDataSource } from './support.js';

const DAY = 24 * 3600 * 1000;

describeBackends('InboxStore', (backend) => {
  let database: TestDatabase;
  let open: OpenDataSource;
  let inbox: InboxStore;

  beforeAll(async () => {
    database = await createDatabase(backend);
    open = await openDataSource(database);
    inbox = inboxFor(open.dialect, open.connection);
    await expect(inbox.initialize(false)).rejects.toMatchObject({ missing: ['stepping_inbox'] });
    await expect(inbox.initialize(false)).rejects.toBeInstanceOf(SchemaOutdatedError);
    await inbox.initialize(true);
    await inbox.initialize(false);
  });
  afterAll(async () => {
    await open?.close();
    await database?.drop();
  });

  const message = () => ({ consumer: 'billing', id: randomUUID() });
  const mark = (key: MessageKey, store = inbox, at = open) =>
    onRunner(at.dataSource, async (runner) => {
      const marked = await store.mark(runner, key);
      await runner.commitTransaction();
      return marked;
    });

  /** Lets marks be so many days older. */
  async function age(days: number): Promise<void> {
    const earlier = {
      postgres: `received_at - interval '${days} days'`,
      mariadb: `received_at - INTERVAL ${days} DAY`,
      sqlite: `received_at - ${days * DAY}`,
    };
    await database.query(`UPDATE stepping_inbox SET received_at = ${earlier[backend]}`);
  }

  it('needs no other table of the library', async () => {
    const { inbox: table, barrier, jobs, migrations } = open.dialect.names;
    const found = await open.dialect.existingTables(open.connection, [table, barrier, jobs, migrations]);
    expect(found).toEqual(new Set([table]));
  });

  it('marks a message once, and knows it', async () => {
    const key = message();
    expect(await inbox.isMarked(key)).toBe(false);
    expect(await mark(key)).toBe(true);
    expect(await mark(key)).toBe(false);
    expect(await inbox.isMarked(key)).toBe(true);
    expect(await inbox.isMarked({ ...key, consumer: 'shipping' })).toBe(false);
  });

  it('asks for marks as of now, also where a node of a cluster may be behind', async () => {
    const key = message();
    await mark(key);
    const latest = vi.spyOn(open.dialect, 'latest');
    const query = vi.spyOn(open.connection, 'query');
    try {
      expect(await inbox.isMarked(key)).toBe(true);
      expect(query.mock.calls.map(([sql]) => sql)).toEqual(latest.mock.results.map(({ value }) => value.sql));
    } finally {
      latest.mockRestore();
      query.mockRestore();
    }
  });

  it('keeps consumer and id apart', async () => {
    expect(await mark({ consumer: 'a', id: 'bc' })).toBe(true);
    expect(await mark({ consumer: 'ab', id: 'c' })).toBe(true);
    expect(await mark({ consumer: 'a","b', id: 'c' })).toBe(true);
    expect(await mark({ consumer: 'a', id: 'b","c' })).toBe(true);
  });

  it('forgets the mark of a transaction that is rolled back', async () => {
    const key = message();
    await onRunner(open.dataSource, (runner) => inbox.mark(runner, key));
    expect(await inbox.isMarked(key)).toBe(false);
  });

  itOn(
    backend,
    'sqlite',
    'mariadb',
  )('leaves no mark of a transaction that was ended by hand', async () => {
    const key = message();
    await onRunner(open.dataSource, async (runner) => {
      await runner.query('ROLLBACK');
      await expect(inbox.mark(runner, key)).rejects.toBeInstanceOf(InboxTransactionError);
      await runner.query('BEGIN');
    });
    expect(await inbox.isMarked(key)).toBe(false);
  });

  it('deletes what is older than the retention, the oldest first, so many at once', async () => {
    await inbox.purge(0, 1000);
    const [oldest, older, young] = [message(), message(), message()];
    await mark(oldest);
    await age(1);
    await mark(older);
    await age(2);
    await mark(young);
    expect(await inbox.purge(DAY, 1)).toBe(1);
    expect(await inbox.isMarked(oldest)).toBe(false);
    expect(await inbox.isMarked(older)).toBe(true);
    expect(await inbox.purge(DAY, 10)).toBe(1);
    expect(await inbox.purge(DAY, 10)).toBe(0);
    expect(await inbox.isMarked(older)).toBe(false);
    expect(await inbox.isMarked(young)).toBe(true);
  });

  it('leaves those that are to be kept for longer', async () => {
    await inbox.purge(0, 1000);
    const [long, short] = [
      { ...message(), keptFor: 3 * DAY },
      { ...message(), keptFor: 1.5 },
    ];
    await mark(long);
    await mark(short);
    await age(2);
    expect(await inbox.purge(DAY, 10)).toBe(1);
    expect(await inbox.isMarked(long)).toBe(true);
    await age(2);
    expect(await inbox.purge(5 * DAY, 10)).toBe(0);
    expect(await inbox.purge(DAY, 10)).toBe(1);
    expect(await inbox.isMarked(long)).toBe(false);
  });

  it('finds them by the index', async () => {
    const names = await open.dialect.existingIndexes(open.connection);
    expect([...names]).toContain('stepping_inbox_received_at');
  });

  itOn(backend, 'mariadb')('is readable, and the same, over a connection that is not UTF-8', async () => {
    const latin = await openDataSource(database, { extra: { charset: 'latin1_swedish_ci' } });
    try {
      const other = inboxFor(latin.dialect, latin.connection);
      await other.initialize(false);
      const key = { consumer: 'Käse', id: `Ω ${randomUUID()}` };
      expect(await mark(key, other, latin)).toBe(true);
      expect(await mark(key)).toBe(false);
      const [row] = await database.query<{ id: string }>(
        "SELECT message_id AS id FROM stepping_inbox WHERE consumer LIKE 'K%'",
      );
      expect(row!.id).toBe(key.id.replace('Ω', String.raw`\u03a9`));
    } finally {
      await latin.close();
    }
  });
});
