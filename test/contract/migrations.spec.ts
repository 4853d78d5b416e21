import { afterEach, beforeEach, expect, it } from 'vitest';
import { SchemaMigrator } from '../../lib/store/migrations/schema-migrator.js';
import { steppingMigrations } from '../../lib/store/migrations/stepping-migrations.js';
import { InvalidOptionError, SchemaOutdatedError } from '../../lib/errors/index.js';
import { startApp } from '../support/child-process.js';
import { createDatabase, describeBackends, type TestDatabase, itOn } from '../support/database.js';
import { newJob, openDataSource, openStore, type OpenDataSource, type OpenOptions } from './support.js';

describeBackends('migrations', (backend) => {
  let database: TestDatabase;
  const opened: OpenDataSource[] = [];
  const open = async (options?: OpenOptions): Promise<OpenDataSource> => {
    opened.push(await openDataSource(database, options));
    return opened.at(-1)!;
  };

  beforeEach(async () => {
    database = await createDatabase(backend);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
    await database.drop();
  });

  const applied = () => database.query('SELECT id FROM stepping_migrations');

  it('says what is missing when it may not create it', async () => {
    const { store } = await open();
    await expect(store.initialize(false)).rejects.toBeInstanceOf(SchemaOutdatedError);
    await expect(store.initialize(false)).rejects.toMatchObject({
      missing: [
        'stepping_jobs',
        'stepping_barrier',
        'stepping_processes',
        'stepping_stats',
        'stepping_controls',
        'stepping_audit',
        'stepping_inbox',
      ],
    });
    await store.initialize(true);
    await store.initialize(false);

    await database.query('DELETE FROM stepping_migrations');
    await expect(store.initialize(false)).rejects.toMatchObject({
      missing: ['SteppingInitial1793491200000'],
    });
    await store.initialize(true);
    expect(await applied()).toEqual([{ id: 1 }]);
  });

  it('sends no DDL, and takes no lock, when everything is there', async () => {
    await (await open()).store.initialize(true);
    const again = await open();
    const statements: string[] = [];
    const { query } = again.connection;
    again.connection.query = (sql, params) => {
      statements.push(sql);
      return query.call(again.connection, sql, params);
    };
    const refuse = (): Promise<never> => Promise.reject(new Error('a transaction'));
    Object.assign(again.connection, { transaction: refuse, batch: refuse });
    await again.store.initialize(true);
    expect(statements.length).toBeGreaterThan(0);
    const isRead = /^(SET STATEMENT wsrep_sync_wait = 1 FOR )?(SELECT|SHOW|PRAGMA main\.journal_mode$)/;
    for (const sql of statements) expect(sql.trim()).toMatch(isRead);
  });

  it('is safe when ten DataSources start at once', async () => {
    const many = await Promise.all(Array.from({ length: 10 }, () => open({ extra: { poolSize: 1 } })));
    await Promise.all(many.map((one) => one.store.initialize(true)));
    expect(await applied()).toEqual([{ id: 1 }]);
    const job = newJob();
    await many[0]!.store.insert([job]);
    expect(await many[9]!.store.find(job.gid)).not.toBeNull();
  });

  it('is safe when ten processes start at once', { timeout: 120_000 }, async () => {
    const options = JSON.stringify(database.dataSourceOptions({ poolSize: 2 }));
    const apps = Array.from({ length: 10 }, () => startApp('migrate', { env: { MIGRATE: options } }));
    const isReady = (message: Record<string, unknown>): boolean => message['type'] === 'ready';
    await Promise.all(apps.map((app) => app.waitForMessage(isReady, { timeout: 90_000 })));
    for (const app of apps) app.send({ go: true });
    const exits = await Promise.all(apps.map((app) => app.exited));
    expect(exits.map((exit, index) => (exit.code === 0 ? '' : apps[index]!.log)).join('')).toBe('');
    expect(await applied()).toEqual([{ id: 1 }]);
  });

  it('goes on with a database that is newer than the code', async () => {
    const { store } = await open();
    await store.initialize(true);
    await database.query('INSERT INTO stepping_migrations (id) VALUES (99)');
    await store.initialize(true);
    await store.initialize(false);
    expect((await store.insert([newJob()])).size).toBe(1);
  });

  it('adds the job tables to a database that had the barrier only', async () => {
    const one = await open();
    await one.dialect.initialize(one.connection);
    await new SchemaMigrator(one.connection, one.dialect).ensure('barrier', true);
    await one.store.initialize(true);
    await one.store.initialize(false);
    await new SchemaMigrator(one.connection, one.dialect).ensure('barrier', false);
    expect(await applied()).toEqual([{ id: 1 }]);
  });

  it('agrees with TypeORM migrations, whichever ran first', async () => {
    const { dataSource, store } = await open({ extra: { migrations: steppingMigrations() } });
    expect((await dataSource.runMigrations()).map((migration) => migration.name)).toEqual([
      'SteppingInitial1793491200000',
    ]);
    await store.initialize(false);
    expect((await store.insert([newJob()])).size).toBe(1);
    expect(await applied()).toEqual([{ id: 1 }]);

    await dataSource.undoLastMigration();
    const { dialect, connection } = opened[0]!;
    const { jobs, barrier, migrations } = dialect.names;
    expect((await dialect.existingTables(connection, [jobs, barrier, migrations])).size).toBe(0);

    await store.initialize(true);
    expect(await dataSource.runMigrations()).toHaveLength(1);
    await store.initialize(false);
    expect(await applied()).toEqual([{ id: 1 }]);
  });

  itOn(
    backend,
    'postgres',
    'mariadb',
  )('puts the tables where it is told', async () => {
    const schema =
      backend === 'postgres' ? `${database.schema}_jobs` : new URL(database.url).pathname.slice(1);
    const prefix = 'My_';
    try {
      const one = await openStore(database, { tables: { schema, prefix } });
      opened.push(one);
      expect((await one.store.insert([newJob()])).size).toBe(1);
      const rows = await database.query(
        backend === 'postgres'
          ? `SELECT * FROM "${schema}"."My_jobs"`
          : `SELECT * FROM \`${schema}\`.\`My_jobs\``,
      );
      expect(rows).toHaveLength(1);
      const migrations = steppingMigrations({ schema, prefix });
      const two = await open({ extra: { migrations } });
      await two.dataSource.runMigrations();
      await two.dataSource.undoLastMigration();
      await expect(one.store.initialize(false)).rejects.toMatchObject({
        missing: expect.arrayContaining(['My_jobs', 'My_barrier']),
      });
    } finally {
      if (backend === 'postgres') await database.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    }
  });

  itOn(backend, 'postgres')('carries the constraint that the clients of DTM name', async () => {
    await (await open()).store.initialize(true);
    const insert = `
      INSERT INTO stepping_barrier (trans_type, gid, branch_id, op, barrier_id, reason)
      VALUES ('msg', 'a', '00', 'msg', '01', 'msg') ON CONFLICT ON CONSTRAINT uniq_barrier DO NOTHING RETURNING id`;
    expect(await database.query(insert)).toHaveLength(1);
    expect(await database.query(insert)).toHaveLength(0);
  });

  itOn(backend, 'postgres')(
    'refuses a second table whose key would have that name in one schema',
    async () => {
      await (await open()).store.initialize(true);
      const refused = {
        code: 'STEPPING_INVALID_OPTION',
        option: 'tables.prefix',
        message: expect.stringMatching(/since stepping_barrier in the schema \S+ has the name uniq_barrier/),
      };
      const other = await open({
        tables: { prefix: '' },
        extra: { migrations: steppingMigrations({ prefix: '' }) },
      });
      await expect(other.store.initialize(true)).rejects.toMatchObject(refused);
      await expect(other.dataSource.runMigrations()).rejects.toMatchObject(refused);
      await (await open({ tables: { prefix: 'other_' } })).store.initialize(true);
    },
  );

  itOn(backend, 'postgres')('takes a barrier table that is there, whatever its key is called', async () => {
    await (await open()).store.initialize(true);
    await database.query('CREATE TABLE barrier (LIKE stepping_barrier INCLUDING ALL)');
    await (await open({ tables: { prefix: '' } })).store.initialize(true);
  });

  itOn(
    backend,
    'mariadb',
    'sqlite',
  )('keeps tables without a prefix beside those with the default one', async () => {
    await (await open()).store.initialize(true);
    await (await open({ tables: { prefix: '' } })).store.initialize(true);
  });

  it('refuses names that are no identifiers', () => {
    expect(() => steppingMigrations({ prefix: 'a"; DROP TABLE x; --' })).toThrow(InvalidOptionError);
  });
});
