import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import type { Backend } from './target.js';
import type { EffectsSettings } from './worker/settings.js';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

/** A database of one run, accessed through its driver only. */
export interface ProofDatabase {
  readonly backend: Backend;
  /** The URL of the database; for SQLite the file. */
  readonly url: string;
  /** TypeORM options of the worker; `url` is the address of a proxy. */
  options(extra?: object, url?: string): DataSourceOptions;
  query<Row = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Closes the application's connections and returns their number; 0 on SQLite. */
  killConnections(): Promise<number>;
  /** Makes the database read-only for the application, or writable again. On SQLite, holds the write lock. */
  setReadOnly(readOnly: boolean): Promise<void>;
  /** Locks the table of the bookings, until the returned function is called. */
  lockBookings(): Promise<() => Promise<void>>;
  /** Reconnects `query()` after the server was restarted. */
  reconnect(): Promise<void>;
  drop(): Promise<void>;
}

export interface Servers {
  readonly postgres?: string | undefined;
  readonly mariadb?: string | undefined;
}

export function createDatabase(backend: Backend, servers: Servers): Promise<ProofDatabase> {
  if (backend === 'sqlite') return createSqlite();
  const server = servers[backend];
  if (server === undefined) throw new Error(`There is no ${backend} server`);
  return backend === 'postgres' ? createPostgres(server) : createMariaDb(server);
}

/** Effects are written to the database of the orders; on SQLite to a separate file, so that they do not wait for its lock. */
export function effectsOf(database: ProofDatabase): EffectsSettings {
  const { backend, url } = database;
  return backend === 'sqlite' ? { backend, file: effectsFile(url) } : { backend, url };
}

export function effectsFile(file: string): string {
  return file.replace(/\.db$/, '-effects.db');
}

function randomName(): string {
  return `stepping_proof_${randomBytes(5).toString('hex')}`;
}

async function createPostgres(server: string): Promise<ProofDatabase> {
  const { default: pg } = await import('pg');
  const name = randomName();
  const url = new URL(server);
  url.pathname = `/${name}`;
  const connect = async (to: string) => {
    const client = new pg.Client({ connectionString: to, application_name: 'proof-check' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const maintain = async (sql: string): Promise<void> => {
    const admin = await connect(server);
    try {
      await admin.query(sql);
    } finally {
      await admin.end();
    }
  };
  await maintain(`CREATE DATABASE ${name}`);
  let client = await connect(url.href);
  const query = async <Row>(sql: string, params: readonly unknown[] = []): Promise<Row[]> =>
    (await client.query(sql, [...params])).rows as Row[];
  const killConnections = async (): Promise<number> => {
    const killed = await query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'proof:%'`,
    );
    return killed.length;
  };
  return {
    backend: 'postgres',
    url: url.href,
    options: (extra = {}, to = url.href) =>
      ({ type: 'postgres', url: to, poolSize: 10, ...extra }) as DataSourceOptions,
    query,
    killConnections,
    setReadOnly: async (readOnly) => {
      await query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`);
      await killConnections();
    },
    lockBookings: async () => {
      const holder = await connect(url.href);
      await holder.query('BEGIN');
      await holder.query('LOCK TABLE proof_bookings IN EXCLUSIVE MODE');
      return () => holder.end();
    },
    reconnect: async () => {
      await client.end().catch(() => undefined);
      client = await connect(url.href);
    },
    drop: async () => {
      await client.end().catch(() => undefined);
      await maintain(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

async function createMariaDb(server: string): Promise<ProofDatabase> {
  const { createConnection } = await import('mysql2/promise');
  const name = randomName();
  const admin = await createConnection(server);
  // A separate user, whose connections can be identified and whose rights can be revoked.
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await admin.query(`CREATE USER ${name}@'%' IDENTIFIED BY '${name}'`);
  await admin.query(`GRANT ALL ON ${name}.* TO ${name}@'%'`);
  await admin.end();
  const connect = async () => {
    const connection = await createConnection({ uri: adminUrl.href, decimalNumbers: true });
    connection.on('error', () => undefined);
    return connection;
  };
  const adminUrl = new URL(server);
  adminUrl.pathname = `/${name}`;
  const url = new URL(adminUrl);
  url.username = url.password = name;
  let connection = await connect();
  const query = async <Row>(sql: string, params: readonly unknown[] = []): Promise<Row[]> => {
    const [rows] = await connection.query(sql, [...params]);
    return (Array.isArray(rows) ? rows : []) as Row[];
  };
  const killConnections = async (): Promise<number> => {
    const rows = await query<{ id: number }>(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '${name}'`,
    );
    // A connection that has just closed by itself is not a failure.
    for (const { id } of rows) await query(`KILL ${id}`).catch(() => undefined);
    return rows.length;
  };
  return {
    backend: 'mariadb',
    url: url.href,
    options: (extra = {}, to = url.href) =>
      ({ type: 'mariadb', url: to, charset: 'utf8mb4', poolSize: 10, ...extra }) as DataSourceOptions,
    query,
    killConnections,
    setReadOnly: async (readOnly) => {
      const rights = `INSERT, UPDATE, DELETE ON ${name}.*`;
      await query(readOnly ? `REVOKE ${rights} FROM ${name}@'%'` : `GRANT ${rights} TO ${name}@'%'`);
      await killConnections();
    },
    lockBookings: async () => {
      const holder = await connect();
      await holder.query('LOCK TABLES proof_bookings WRITE');
      return () => holder.end();
    },
    reconnect: async () => {
      connection.destroy();
      connection = await connect();
    },
    drop: async () => {
      await query(`DROP DATABASE IF EXISTS ${name}`);
      await query(`DROP USER IF EXISTS ${name}@'%'`);
      await connection.end();
    },
  };
}

async function createSqlite(): Promise<ProofDatabase> {
  const { default: SqliteDatabase } = await import('better-sqlite3');
  const folder = temporaryFolder('sqlite');
  const file = join(folder, 'proof.db');
  const open = (path: string) => {
    const database = new SqliteDatabase(path, { timeout: 20_000 });
    database.pragma('journal_mode = WAL');
    return database;
  };
  const main = open(file);
  main.exec(`ATTACH DATABASE '${effectsFile(file)}' AS effects`);
  main.pragma('effects.journal_mode = WAL');
  // Only for statements of the checker that touch the jobs. Each process of the application sets its own.
  main.function('proof_writer', () => 'checker');
  const locker = open(file);
  return {
    backend: 'sqlite',
    url: file,
    options: (extra = {}) =>
      ({
        type: 'better-sqlite3',
        database: file,
        enableWAL: true,
        timeout: 100,
        ...extra,
      }) as DataSourceOptions,
    query: async <Row>(sql: string, params: readonly unknown[] = []) => {
      const statement = main.prepare(sql);
      if (statement.reader) return statement.all(...params) as Row[];
      statement.run(...params);
      return [];
    },
    killConnections: async () => 0,
    setReadOnly: async (readOnly) => {
      if (readOnly) locker.exec('BEGIN IMMEDIATE');
      else if (locker.inTransaction) locker.exec('ROLLBACK');
    },
    lockBookings: async () => {
      locker.exec('BEGIN IMMEDIATE');
      return async () => void locker.exec('ROLLBACK');
    },
    reconnect: async () => undefined,
    drop: async () => {
      main.close();
      locker.close();
      removeFolder(folder);
    },
  };
}
