import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, inject, it } from 'vitest';
import type { DataSourceOptions } from 'typeorm';

export type Backend = 'postgres' | 'mariadb' | 'sqlite';

/** `extra` of `dataSourceOptions()`: whatever TypeORM takes, of any database. */
export type ExtraOptions = Record<string, unknown>;

/** A place of its own for one suite or test: a schema, a database or a file. */
export interface TestDatabase {
  readonly backend: Backend;
  /** The server, with the database selected; of SQLite the path of the file. */
  readonly url: string;
  /** The PostgreSQL schema. */
  readonly schema?: string;
  /** Options for a TypeORM `DataSource` on it; `extra` is laid over them. */
  dataSourceOptions(extra?: ExtraOptions): DataSourceOptions;
  /** Runs SQL on a connection of its own, without TypeORM; placeholders are the driver's. */
  query<Row = Record<string, any>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Ends the connection and removes schema, database or file. */
  drop(): Promise<void>;
}

/** Every backend, with the reason why it cannot be tested in this run. */
export const backends: readonly { readonly backend: Backend; readonly skipReason?: string }[] = [
  { backend: 'sqlite' },
  {
    backend: 'postgres',
    ...unless(process.env.DATABASE_URL, inject('postgresSkipReason') ?? 'no PostgreSQL'),
  },
  { backend: 'mariadb', ...unless(process.env.MYSQL_URL, 'no MariaDB or MySQL: MYSQL_URL is not set') },
];

/** `describe` once per backend; a backend that is not there becomes a skipped suite that says why. */
export function describeBackends(
  title: string,
  suite: (backend: Backend) => void,
  only: readonly Backend[] = ['sqlite', 'postgres', 'mariadb'],
): void {
  for (const { backend, skipReason } of backends) {
    if (!only.includes(backend)) continue;
    if (skipReason) describe.skip(`${title} [${backend}] (skipped: ${skipReason})`, () => suite(backend));
    else describe(`${title} [${backend}]`, () => suite(backend));
  }
}

type TestFunction = (title: string, test: () => Promise<void>, timeout?: number) => void;

/** `it` for tests that concern some databases only; on the others there is nothing to run, or to skip. */
export function itOn(backend: Backend, ...concerned: readonly Backend[]): TestFunction {
  return itWhere(concerned.includes(backend));
}

/** `it` where there is something to run; elsewhere there is nothing to skip either. */
export function itWhere(concerned: boolean): TestFunction {
  return concerned ? it : () => undefined;
}

/** Whether TiDB is behind `MYSQL_URL`, where its suites run (`npm run engines:tidb`). */
export const onTidb = process.env.STEPPING_TEST_ENGINE === 'tidb';

/** `it` for tests that TiDB cannot pass; they are skipped there, and say why. */
export function exceptOnTidb(why: string, test: TestFunction = it): TestFunction {
  if (!onTidb || test !== it) return test;
  return (title, body) => it.skip(`${title} (skipped: ${why})`, body);
}

/** Creates a fresh schema (PostgreSQL), database (MariaDB, MySQL) or file (SQLite, WAL). */
export function createDatabase(backend: Backend): Promise<TestDatabase> {
  if (backend === 'postgres') {
    const url = required('DATABASE_URL');
    // Behind a pooler, a session cannot begin with a search path.
    return process.env.STEPPING_TEST_ISOLATION === 'database'
      ? createPostgresDatabase(url)
      : createPostgres(url);
  }
  if (backend === 'mariadb') return createMariaDb(required('MYSQL_URL'));
  return createSqlite();
}

async function createPostgres(url: string): Promise<TestDatabase> {
  const { default: pg } = await import('pg');
  const schema = randomName();
  // Statements that name no schema, of tests and of TypeORM, find this one as well.
  const startup = `-c search_path=${schema}`;
  const client = new pg.Client({ connectionString: url, options: startup });
  // A server that ends the connection is seen by the next query; it must not end the test process.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`CREATE SCHEMA "${schema}"`);
  return {
    backend: 'postgres',
    url,
    schema,
    dataSourceOptions: (extra = {}) =>
      ({
        type: 'postgres',
        url,
        schema,
        poolSize: 10,
        ...extra,
        extra: { options: startup, ...(extra.extra as object | undefined) },
      }) as DataSourceOptions,
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) =>
      (await client.query(sql, [...parameters])).rows as Row[],
    drop: async () => {
      try {
        // A connection that a test left open may hold locks: fail then, instead of hanging.
        await client.query(`SET lock_timeout = '10s'`);
        await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
      } finally {
        await client.end();
      }
    },
  };
}

async function createPostgresDatabase(server: string): Promise<TestDatabase> {
  const { default: pg } = await import('pg');
  const database = randomName();
  const url = new URL(server);
  url.pathname = `/${database}`;
  const maintain = async (sql: string): Promise<void> => {
    const admin = new pg.Client({ connectionString: server });
    await admin.connect();
    try {
      await admin.query(sql);
    } finally {
      await admin.end();
    }
  };
  await maintain(`CREATE DATABASE "${database}"`);
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => undefined);
  await client.connect();
  return {
    backend: 'postgres',
    url: url.href,
    schema: 'public',
    dataSourceOptions: (extra = {}) =>
      ({ type: 'postgres', url: url.href, schema: 'public', poolSize: 10, ...extra }) as DataSourceOptions,
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) =>
      (await client.query(sql, [...parameters])).rows as Row[],
    drop: async () => {
      await client.end();
      // A pooler keeps its connections.
      await maintain(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
    },
  };
}

async function createMariaDb(server: string): Promise<TestDatabase> {
  const { createConnection } = await import('mysql2/promise');
  const database = randomName();
  const url = new URL(server);
  const admin = await createConnection(server);
  let type: 'mariadb' | 'mysql';
  try {
    const [rows] = await admin.query('SELECT VERSION() AS version');
    type = /mariadb/i.test((rows as { version: string }[])[0]!.version) ? 'mariadb' : 'mysql';
    await admin.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
  } finally {
    await admin.end();
  }
  url.pathname = `/${database}`;
  const connection = await createConnection(url.href);
  return {
    backend: 'mariadb',
    url: url.href,
    dataSourceOptions: (extra = {}) =>
      ({ type, url: url.href, charset: 'utf8mb4', poolSize: 10, ...extra }) as DataSourceOptions,
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) => {
      const [rows] = await connection.query(sql, [...parameters]);
      return (Array.isArray(rows) ? rows : []) as Row[];
    },
    drop: async () => {
      try {
        await connection.query('SET SESSION lock_wait_timeout = 10');
        await connection.query(`DROP DATABASE IF EXISTS \`${database}\``);
      } finally {
        await connection.end();
      }
    },
  };
}

async function createSqlite(): Promise<TestDatabase> {
  const { default: SqliteDatabase } = await import('better-sqlite3');
  const folder = mkdtempSync(join(tmpdir(), 'stepping-sqlite-'));
  const file = join(folder, 'test.db');
  const connection = new SqliteDatabase(file);
  connection.pragma('journal_mode = WAL');
  return {
    backend: 'sqlite',
    url: file,
    dataSourceOptions: (extra = {}) =>
      ({ type: 'better-sqlite3', database: file, enableWAL: true, ...extra }) as DataSourceOptions,
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) => {
      const statement = connection.prepare(sql);
      if (statement.reader) return statement.all(...parameters) as Row[];
      statement.run(...parameters);
      return [];
    },
    drop: async () => {
      connection.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function randomName(): string {
  return `stepping_test_${randomBytes(6).toString('hex')}`;
}

function required(variable: 'DATABASE_URL' | 'MYSQL_URL'): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: use describeBackends(), which skips the suite`);
  return value;
}

function unless(value: string | undefined, skipReason: string): { skipReason?: string } {
  return value ? {} : { skipReason };
}
