import { randomUUID } from 'node:crypto';
import { Test } from '@nestjs/testing';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selfTm, SteppingModule, steppingMigrations } from '../../../lib/index.js';
import { SteppingEventsModule } from '../../../lib/events/index.js';
import { connect, TestApplication, type ApplicationOptions } from '../../support/application.js';
import { type TestDatabase, createDatabase, describeBackends, onTidb } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Inbox } from '../../../lib/events/index.js';
import { inboxOf, withInbox } from './support.js';

const inMemory = { selfTm: { store: 'memory' } } as const;

describeBackends('the table of the inbox', (backend) => {
  let databases: Databases;
  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    return () => databases.drop();
  });

  const message = () => ({ consumer: 'billing', id: randomUUID() });

  async function tables(): Promise<string[]> {
    const { business } = databases;
    const all = {
      postgres: `SELECT tablename AS name FROM pg_tables WHERE schemaname = '${business.schema}'`,
      mariadb: 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
      sqlite: "SELECT name FROM sqlite_master WHERE type = 'table'",
    };
    const rows = await business.query<{ name: string }>(all[backend]);
    return rows
      .map(({ name }) => name)
      .filter((name) => name.startsWith('stepping_'))
      .sort();
  }

  async function running(
    options: ApplicationOptions,
    test: (app: TestApplication) => Promise<void>,
  ): Promise<void> {
    const app = await TestApplication.start(databases, options);
    try {
      await test(app);
    } finally {
      await app.close();
    }
  }

  it('is made at the start where no jobs are kept, and only for those who have an inbox', async () => {
    await running(inMemory, async () => expect(await tables()).toEqual(['stepping_barrier']));
    await running(withInbox({}, inMemory), async (app) => {
      expect(await tables()).toEqual(['stepping_barrier', 'stepping_inbox']);
      expect(await inboxOf(app).receive(message(), () => 1)).toMatchObject({ duplicate: false });
    });
  });

  it('is named where it is missing and may not be made, and is found when it is there', async () => {
    const options = withInbox(
      {},
      { ...inMemory, module: { autoMigrate: false }, dataSource: { migrations: steppingMigrations() } },
    );
    await running(options, async (app) => {
      const key = message();
      const ran: number[] = [];
      await expect(inboxOf(app).receive(key, () => ran.push(1))).rejects.toMatchObject({
        code: 'STEPPING_SCHEMA_OUTDATED',
        missing: ['stepping_inbox'],
      });
      expect(ran).toEqual([]);
      expect(await tables()).toEqual([]);
      await app.dataSource.runMigrations();
      expect(await inboxOf(app).receive(key, () => ran.push(1))).toMatchObject({ duplicate: false });
      expect(await inboxOf(app).receive(key, () => ran.push(1))).toEqual({ duplicate: true });
    });
  });

  it('comes back with the next message after it was dropped, and with a reset', async () => {
    await running(withInbox(), async (app) => {
      const inbox = inboxOf(app);
      await inbox.receive(message(), () => 1);
      await app.dataSource.query('DROP TABLE stepping_inbox');
      const key = message();
      const ran: number[] = [];
      // The application may have noticed it before.
      const first = await inbox.receive(key, () => ran.push(1)).catch((error: unknown) => error);
      const lost = { code: 'STEPPING_TABLES_MISSING', missing: ['stepping_inbox'] };
      // It may be a table of TiDB that is there, and younger than the transaction.
      expect(first).toMatchObject(onTidb ? { code: 'STEPPING_TRANSACTION_CONFLICT', cause: lost } : lost);
      expect(await inbox.receive(key, () => ran.push(2))).toMatchObject({ duplicate: false });
      expect(ran).toEqual([2]);
      await app.dataSource.synchronize(true);
      expect(await inbox.receive(key, () => ran.push(3))).toMatchObject({ duplicate: false });
    });
  });

  it('has the prefix and the schema of the others', async () => {
    await running(withInbox({}, { module: { tables: { prefix: 'my_' } } }), async (app) => {
      await inboxOf(app).receive(message(), () => 1);
      expect(await databases.business.query('SELECT mark FROM my_inbox')).toHaveLength(1);
    });
  });
});

describe('the DataSource of the inbox', () => {
  let first: TestDatabase;
  let second: TestDatabase;
  const sources: DataSource[] = [];
  beforeAll(async () => {
    first = await createDatabase('sqlite');
    second = await createDatabase('sqlite');
    sources.push(await connect(first, { name: 'a' }), await connect(second, { name: 'b' }));
  });
  afterAll(async () => {
    for (const source of sources) await source.destroy();
    await first?.drop();
    await second?.drop();
  });

  async function start(dataSource: string | undefined, given = sources) {
    const testing = await Test.createTestingModule({
      imports: [
        SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }) }),
        SteppingEventsModule.forRoot(dataSource === undefined ? {} : { dataSource }),
      ],
      providers: given.map((source, at) => ({ provide: `source ${at}`, useValue: source })),
    }).compile();
    return testing.init();
  }

  const key = () => ({ consumer: 'billing', id: randomUUID() });

  it('may be missing, for those who only publish, until something is received', async () => {
    const app = await start(undefined, []);
    await expect(app.get(Inbox).receive(key(), () => 1)).rejects.toMatchObject({
      code: 'STEPPING_DATA_SOURCE_NOT_FOUND',
    });
    await app.close();
  });

  it('has to be named where there are several without a default', async () => {
    const app = await start(undefined);
    await expect(app.get(Inbox).receive(key(), () => 1)).rejects.toMatchObject({
      code: 'STEPPING_AMBIGUOUS_DATA_SOURCE',
      message: expect.stringContaining("SteppingEventsModule.forRoot({ dataSource: 'a' })"),
    });
    await app.close();
  });

  it('is the one that is named', async () => {
    const app = await start('b');
    await app.get(Inbox).receive(key(), () => 1);
    expect(await second.query('SELECT mark FROM stepping_inbox')).toHaveLength(1);
    await expect(first.query('SELECT mark FROM stepping_inbox')).rejects.toThrow('no such table');
    await app.close();
  });

  it('stops the start where there is none of that name', async () => {
    await expect(start('c')).rejects.toMatchObject({
      code: 'STEPPING_DATA_SOURCE_NOT_FOUND',
      dataSource: 'c',
    });
  });
});
