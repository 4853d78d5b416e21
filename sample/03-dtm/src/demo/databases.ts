import { createConnection, type Connection } from 'mysql2/promise';
import pg from 'pg';
import { DEFAULTS } from '../config/defaults.js';
import { MissingServerError } from './missing-server.error.js';

/** The databases of a demonstration, one of each service. */
export interface DatabaseUrls {
  readonly orders: string;
  readonly stock: string;
}

/** The two servers. */
export const SERVERS: DatabaseUrls = {
  orders: process.env.DATABASE_URL ?? DEFAULTS.databaseUrl,
  stock: process.env.MYSQL_URL ?? DEFAULTS.mysqlUrl,
};

export function urlsOf(name: string): DatabaseUrls {
  return {
    orders: withDatabase(SERVERS.orders, `${name}_orders`),
    stock: withDatabase(SERVERS.stock, `${name}_stock`),
  };
}

/**
 * Creates empty databases, and replaces those of an earlier demonstration with this name.
 *
 * @throws MissingServerError if a server cannot be reached, or refuses access.
 */
export async function createOrdersDatabase(name: string): Promise<void> {
  const database = `"${name}_orders"`;
  await withPostgres(SERVERS.orders, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    // Copied from template0: an open connection to the template would block this, and nobody can connect to template0.
    await client.query(`CREATE DATABASE ${database} TEMPLATE template0`);
  }).catch((error: unknown) => missing('PostgreSQL', SERVERS.orders, 'DATABASE_URL', error));
}

/** @throws MissingServerError */
export async function createStockDatabase(name: string): Promise<void> {
  const database = `\`${name}_stock\``;
  await withMariaDb(SERVERS.stock, async (connection) => {
    await connection.query(`DROP DATABASE IF EXISTS ${database}`);
    await connection.query(`CREATE DATABASE ${database}`);
  }).catch((error: unknown) => missing('MariaDB or MySQL', SERVERS.stock, 'MYSQL_URL', error));
}

export async function withPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function withMariaDb<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await createConnection({ uri: url, connectTimeout: 5000 });
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

function missing(what: string, url: string, variable: string, error: unknown): never {
  const { code, message } = error as { code?: string; message?: string };
  const reason = URL.canParse(url)
    ? [code, message].filter(Boolean).join(' ') || String(error)
    : 'it is no URL';
  throw new MissingServerError(`${what}: ${addressOf(url)} cannot be used (${variable}): ${reason}`);
}

/** Without user, password and settings. */
export function addressOf(url: string): string {
  if (!URL.canParse(url)) return 'this address';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function withDatabase(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
