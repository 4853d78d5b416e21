import { detached } from '../../core/detached.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import type { ClientBeside, SourceBeside } from '../connections/connection-beside.js';
import type { StatementResult } from '../connections/internal.connection.js';
import { within } from '../../core/within.js';

const END_MS = 1_000;

/** What is used of the driver's connections. */
export interface MysqlClient {
  readonly threadId?: number;
  query(
    sql: string | object,
    params: readonly unknown[],
    callback: (error: unknown, result: unknown) => void,
  ): void;
  release(): void;
  destroy?(): void;
}

/** What is used of the driver's pools. */
export interface MysqlPool {
  getConnection(callback: (error: unknown, client: MysqlClient) => void): void;
  end(callback: () => void): void;
  readonly config?: { readonly connectionLimit?: number };
  readonly _closed?: boolean;
  readonly _allConnections?: { toArray?(): MysqlClient[] };
  readonly _freeConnections?: { toArray?(): MysqlClient[] };
}

/** The pool that transactions take their connections from; with `replication` the one of the master. Undefined where there is none now. */
export function poolOf({ driver }: DataSourceLike): MysqlPool | undefined {
  return (driver.pool ?? driver.poolCluster?._nodes?.MASTER?.pool) as MysqlPool | undefined;
}

/** A pool of one connection, with the configuration of the `DataSource`; undefined where TypeORM's driver makes none. */
export function poolOfOne({ driver, options }: DataSourceLike): MysqlPool | undefined {
  if (typeof driver.createConnectionOptions !== 'function') return undefined;
  const credentials = options['replication']?.master ?? options;
  return driver.mysql.createPool({
    ...driver.createConnectionOptions(options, credentials),
    connectionLimit: 1,
    enableKeepAlive: true,
  }) as MysqlPool;
}

/** Asks the server to end a connection. It proves nothing that it was asked. */
export async function kill(
  dataSource: DataSourceLike,
  client: MysqlClient | undefined,
  timeout: number,
): Promise<void> {
  const pool = client?.threadId === undefined ? undefined : poolOfOne(dataSource);
  if (!pool) return;
  const killing = new Promise<MysqlClient | undefined>((resolve) => {
    pool.getConnection((error, own) => {
      if (error) resolve(undefined);
      else own.query(`KILL CONNECTION ${client!.threadId}`, [], () => resolve(own));
    });
  });
  (await within(timeout, killing))?.destroy?.();
  pool.end(() => undefined);
}

/** Closes the idle connections of the pool. */
export function discardIdleClients(dataSource: DataSourceLike): void {
  for (const client of poolOf(dataSource)?._freeConnections?.toArray?.() ?? []) client.destroy?.();
}

/** Connections that are in use are closed instead of being given back to the pool. */
export function discardWhenReleased(clients: readonly MysqlClient[] | undefined): void {
  for (const client of clients ?? []) client.release = () => client.destroy?.();
}

/** The connection beside the pool: a pool of one. */
export class MysqlClientBeside implements SourceBeside {
  private pool: MysqlPool | undefined;
  private closed = false;

  constructor(private readonly dataSource: DataSourceLike) {}

  take(): Promise<ClientBeside> {
    return new Promise((resolve, reject) => {
      this.pool ??= this.closed ? undefined : detached(() => poolOfOne(this.dataSource));
      if (!this.pool || poolOf(this.dataSource)?._closed)
        return reject(new Error('There is no connection beside the pool.'));
      this.pool.getConnection((error, client) => {
        if (error) return reject(error as Error);
        resolve({
          query: (sql, params) => queryClient(client, sql, params),
          release: () => client.release(),
          destroy: () => client.destroy?.(),
        });
      });
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    const { pool } = this;
    this.pool = undefined;
    if (pool) await within(END_MS, new Promise<void>((resolve) => pool.end(resolve)));
  }
}

/** Instead of what the application has set for its connections. Numbers may still come as texts. */
const READING = {
  typeCast: (_field: unknown, next: () => unknown) => next(),
  nestTables: false,
  rowsAsArray: false,
};

/** Runs one statement. */
export function queryClient(
  client: MysqlClient,
  sql: string,
  params: readonly unknown[],
): Promise<StatementResult> {
  return new Promise((resolve, reject) => {
    client.query({ sql, ...READING }, params, (error, result) => {
      if (error) reject(error as Error);
      else if (Array.isArray(result)) resolve({ rows: result, affected: 0 });
      else resolve(resultOf(result as ResultHeader));
    });
  });
}

/** What the driver tells of a statement that returns no rows. */
export interface ResultHeader {
  readonly affectedRows?: number;
  readonly serverStatus?: number;
}

const SERVER_STATUS_IN_TRANS = 1;

/** Whether the connection is in a transaction after the statement; undefined where it does not tell. */
export function isInTransaction(header: ResultHeader | undefined): boolean | undefined {
  const status = header?.serverStatus;
  return typeof status === 'number' ? (status & SERVER_STATUS_IN_TRANS) !== 0 : undefined;
}

function resultOf(header: ResultHeader): StatementResult {
  return { rows: [], affected: header.affectedRows ?? 0, inTransaction: isInTransaction(header) === true };
}
