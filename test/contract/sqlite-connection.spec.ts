import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SqliteConnection } from '../../lib/store/sqlite/sqlite.connection.js';
import { TransactionManagerUnavailableError } from '../../lib/errors/index.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newJob, onRunner, openStore, type OpenDataSource } from './support.js';

describe('SqliteConnection', () => {
  let database: TestDatabase;
  let open: OpenDataSource;
  let connection: SqliteConnection;
  let inside = false;

  beforeEach(async () => {
    inside = false;
    database = await createDatabase('sqlite');
    open = await openStore(database, { insideHolder: () => inside, extra: { timeout: 1 } });
    connection = open.connection as SqliteConnection;
    await connection.query('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)');
  });
  afterEach(async () => {
    await open.close();
    await database.drop();
  });

  const notes = () => database.query('SELECT text FROM notes ORDER BY id');
  const note = (text: unknown) => connection.query('INSERT INTO notes (text) VALUES (?)', [text]);

  it('never becomes part of a transaction that a query runner has opened', async () => {
    const writing = await onRunner(open.dataSource, async (runner) => {
      const waiting = note('mine');
      await runner.query(`INSERT INTO notes (text) VALUES ('theirs')`);
      await runner.rollbackTransaction();
      return { waiting };
    });
    await writing.waiting;
    expect(await notes()).toEqual([{ text: 'mine' }]);
  });

  it('waits for whoever holds the gate, and lets those behind it in after', async () => {
    const order: string[] = [];
    const holder = open.gate.run(async () => {
      await open.dataSource.query('SELECT 1');
      await open.dataSource.query('SELECT 2');
      order.push('holder');
    });
    const own = note('mine').then(() => order.push('own'));
    const next = open.gate.run(() => order.push('next'));
    await Promise.all([holder, own, next]);
    expect(order[0]).toBe('holder');
    expect(await notes()).toEqual([{ text: 'mine' }]);
  });

  it('passes straight through inside the holder, and belongs to its transaction', async () => {
    await open.gate.run(async () => {
      await onRunner(open.dataSource, async (runner) => {
        inside = true;
        await note('with it');
        expect(await connection.batch([{ sql: 'SELECT text FROM notes', params: [] }])).toMatchObject([
          { rows: [{ text: 'with it' }] },
        ]);
        await runner.rollbackTransaction();
        inside = false;
      });
    });
    expect(await notes()).toEqual([]);
  });

  it('gives the event loop back while another connection holds the file', async () => {
    await database.query('BEGIN IMMEDIATE');
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    const writing = note('late');
    const job = newJob();
    const inserting = open.store.insert([job]);
    await expect.poll(() => ticks).toBeGreaterThan(20);
    await database.query('COMMIT');
    clearInterval(timer);
    await writing;
    expect(await inserting).toEqual(new Set([job.gid]));
    expect(await notes()).toEqual([{ text: 'late' }]);
  });

  it('gives up in the end, and does nothing later', async () => {
    let leave!: () => void;
    const holder = open.gate.run(() => new Promise<void>((resolve) => (leave = resolve)));
    const tooLate = connection.immediate((run) => run(`INSERT INTO notes (text) VALUES ('too late')`), 50);
    await expect(tooLate).rejects.toBeInstanceOf(TransactionManagerUnavailableError);
    leave();
    await holder;
    await note('after');
    expect(await notes()).toEqual([{ text: 'after' }]);

    await database.query('BEGIN IMMEDIATE');
    await expect(connection.immediate((run) => run('SELECT 1'), 50)).rejects.toMatchObject({
      name: 'TransactionManagerUnavailableError',
      message: expect.stringContaining('on SQLite, that no other transaction holds the file') as string,
      cause: expect.objectContaining({ code: 'SQLITE_BUSY' }),
    });
    await database.query('ROLLBACK');
  });

  it('takes a batch back as a whole', async () => {
    const statements = ['one', null].map((text) => ({
      sql: 'INSERT INTO notes (id, text) VALUES (1, ?)',
      params: [text],
    }));
    await expect(connection.batch(statements)).rejects.toMatchObject({
      code: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    });
    expect(connection.inTransaction).toBe(false);
    expect(await notes()).toEqual([]);
  });

  it('goes on after the DataSource was destroyed and initialized again', async () => {
    await note('before');
    await open.dataSource.destroy();
    await expect(note('between')).rejects.toBeInstanceOf(TransactionManagerUnavailableError);
    await open.dataSource.initialize();
    await note(true);
    expect(await notes()).toEqual([{ text: 'before' }, { text: '1.0' }]);
  });

  it('refuses an asynchronous transaction', async () => {
    await expect(connection.transaction()).rejects.toBeInstanceOf(TypeError);
  });
});
