import { detached } from '../../core/detached.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import type { StatementResult } from '../connections/internal.connection.js';

/** What is used of `pg`'s clients. */
export interface PostgresClient {
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  readonly host?: string;
  readonly port?: number;
  readonly connection?: any;
  query(config: object, callback: (error: Error | null, result: PostgresResult) => void): void;
  /** As the server told last; `null` before it has. */
  getTransactionStatus?(): string | null;
  getTypeParser?(oid: number, format?: string): unknown;
}

interface PostgresResult {
  readonly rows?: unknown[];
  readonly rowCount?: number | null;
}

const asItIs = (text: string): string => text;

/**
 * Runs one statement. All values come back as the server's texts: applications set parsers of their own, for all
 * connections of a process. With a callback: the promises of `pg` keep each statement and its rows reachable from the next.
 */
export function queryClient(
  client: PostgresClient,
  text: string,
  values: readonly unknown[],
  name?: string,
): Promise<StatementResult> {
  const getTypeParser = (oid: number, format?: string): unknown =>
    format === 'binary' ? client.getTypeParser?.(oid, format) : asItIs;
  return new Promise((resolve, reject) => {
    client.query(
      { text, values, types: { getTypeParser }, ...(name !== undefined && { name }) },
      (error, result) => {
        if (error) reject(error);
        else resolve({ rows: result.rows ?? [], affected: result.rowCount ?? 0 });
      },
    );
  });
}

/**
 * Asks the server to end the statement of a client, as the protocol has it: on a connection of its own, and with the
 * secret of the session, which poolers pass on. It proves nothing that it was asked.
 */
export function cancelStatement(
  pool: any,
  client: PostgresClient | undefined,
  timeout: number,
): Promise<void> {
  const Client = pool?.Client ?? pool?.options?.Client;
  if (typeof Client !== 'function' || !client?.processID) return Promise.resolve();
  return new Promise((resolve) => {
    const { connection, host, port } = new Client(pool.options) as PostgresClient;
    const end = () => {
      clearTimeout(timer);
      connection.stream.destroy();
      resolve();
    };
    const timer = detached(() => setTimeout(end, timeout));
    // The server answers by closing the connection.
    for (const event of ['error', 'end']) connection.on(event, end);
    connection.once(connection.ssl ? 'sslconnect' : 'connect', () =>
      connection.cancel(client.processID, client.secretKey),
    );
    if (host?.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}

const heard = new WeakSet<object>();

/**
 * Gives each client of a pool a listener for errors. Between the one of the pool and that of a query runner it has none for a moment, in which
 * a server that ends the connection would end the process.
 */
function hearErrors(pool: any): void {
  if (typeof pool?.on !== 'function' || heard.has(pool as object)) return;
  heard.add(pool as object);
  const hear = (client: any): void => void client.on('error', () => undefined);
  pool.on('connect', hear);
  for (const client of (pool._clients ?? []) as any[]) hear(client);
}

/** The same for the pool of a `DataSource`, and for those that it gets when it is initialized again. */
export function hearErrorsOf(dataSource: DataSourceLike): void {
  const hear = (): void => hearErrors(dataSource.driver.master);
  hear();
  const target = dataSource as DataSourceLike & { initialize?: () => Promise<unknown> };
  const { initialize } = target;
  if (heard.has(dataSource) || typeof initialize !== 'function') return;
  heard.add(dataSource);
  target.initialize = async () => {
    const initialized = await initialize.call(dataSource);
    hear();
    return initialized;
  };
}

/** The pool closes these clients when they are given back to it, as it does with those that have lived for long enough. */
export function expireClients(pool: any, clients: readonly PostgresClient[] | undefined): void {
  const expired = pool?._expired as WeakSet<PostgresClient> | undefined;
  for (const client of clients ?? []) expired?.add(client);
}

/**
 * Closes the idle clients of a pool, and those that are connecting now and still are `timeout` milliseconds later: a server
 * that says nothing would keep their places for ever, and the pool could not be closed.
 */
export function discardIdleClients(pool: any, timeout: number): void {
  if (typeof pool?.idleCount !== 'number') return;
  for (let count = pool.idleCount as number; count > 0; count -= 1) {
    pool.connect(
      (_error: unknown, client: PostgresClient | undefined, release: (destroy: boolean) => void) => {
        release(true);
        client?.connection?.stream.destroy();
      },
    );
  }
  const isConnecting = (client: any): boolean => client._connecting && !client._connected;
  const connecting = ((pool._clients ?? []) as any[]).filter(isConnecting);
  if (connecting.length === 0) return;
  const discard = (): void => {
    for (const client of connecting.filter(isConnecting)) client.connection?.stream.destroy();
  };
  detached(() => setTimeout(discard, timeout));
}
