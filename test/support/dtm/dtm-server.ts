import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe } from 'vitest';
import { createDatabase, type TestDatabase } from '../database.js';
import { DtmProcess } from './dtm-process.js';

export { freePort } from './dtm-process.js';

export type DtmStore = 'boltdb' | 'postgres';

/** A real DTM server, with a folder, ports and a store of its own. */
export interface DtmServer {
  readonly store: DtmStore;
  /** Such as `http://127.0.0.1:21001`. */
  readonly httpUrl: string;
  /** Such as `127.0.0.1:21002`. */
  readonly grpcAddress: string;
  /** Undefined while it does not run, and for the server of `DTM_URL`. */
  readonly pid: number | undefined;
  /** Its working directory; undefined for the server of `DTM_URL`. */
  readonly folder: string | undefined;
  /** The PostgreSQL schema of its store. */
  readonly schema: string | undefined;
  /** What it printed last, for the message of a failed test. */
  readonly log: string;
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
  /** Starts it again on the same ports, folder and store; kills it first when it still runs. */
  restart(): Promise<void>;
  /** Ends it and removes its folder and its schema. The server of `DTM_URL` goes on. */
  stop(): Promise<void>;
  /** What its store holds of a job; of an unknown one `null` and no branches. */
  query(gid: string): Promise<DtmJobState>;
  /** Marks an unfinished job as failed, without calling anybody. */
  forceStop(gid: string): Promise<void>;
}

export interface DtmJobState {
  readonly transaction: Record<string, any> | null;
  readonly branches: Record<string, any>[];
}

export interface DtmServerOptions {
  /** Default: `boltdb`. */
  readonly store?: DtmStore;
  /** DTM's settings, such as `REQUEST_TIMEOUT` in seconds; ports and store are not to be changed. */
  readonly env?: Readonly<Record<string, string>>;
}

const cache = fileURLToPath(new URL('../../../.cache/dtm/v1.19.0/', import.meta.url));
const program = process.env.DTM_BIN ? resolve(process.env.DTM_BIN) : join(cache, 'dtm');
const schemaScript = [dirname(program), cache]
  .map((folder) => join(folder, 'dtmsvr.storage.postgres.sql'))
  .find((file) => existsSync(file));

const running = new Set<OwnDtmServer>();

afterAll(async () => {
  await Promise.all([...running].map((server) => server.stop()));
});
// A worker that is stopped early runs no hooks.
process.once('exit', () => {
  for (const server of running) server.abandon();
});

/** Whether `kill()` and `restart()` work: not with the server of `DTM_URL`, which is not ours to end. */
export function canRestartDtm(store: DtmStore): boolean {
  return givenUrl(store) === undefined;
}

/** Why DTM tests cannot run here, or undefined. */
export function dtmSkipReason(store: DtmStore): string | undefined {
  if (givenUrl(store)) return undefined;
  if (!existsSync(program)) {
    return process.env.DTM_BIN
      ? `no DTM server: DTM_BIN=${process.env.DTM_BIN} does not exist`
      : 'no DTM server: `npm run build:dtm` builds one (it needs Go)';
  }
  if (store === 'boltdb') return undefined;
  if (!process.env.DATABASE_URL) return 'no PostgreSQL: DATABASE_URL is not set';
  return schemaScript ? undefined : 'no SQL script of DTM: `npm run build:dtm` builds one (it needs Go)';
}

/** `describe` once per store; where DTM cannot run it becomes a skipped suite that says why. */
export function describeDtm(
  title: string,
  suite: (store: DtmStore) => void,
  only: readonly DtmStore[] = ['boltdb', 'postgres'],
): void {
  for (const store of only) {
    const reason = dtmSkipReason(store);
    if (reason) describe.skip(`${title} [DTM on ${store}] (skipped: ${reason})`, () => suite(store));
    else describe(`${title} [DTM on ${store}]`, () => suite(store));
  }
}

/**
 * Starts a DTM server and waits until it answers. It looks for overdue jobs every second and logs warnings
 * only, unless `env` says otherwise; a server that a test file leaves behind is stopped after its last test.
 *
 * With `DTM_URL`, the HTTP address of a running server, that one is used for the store `boltdb`, whatever
 * its store is. `DTM_GRPC` is its gRPC address, default: the same host, port 36790.
 */
export async function startDtmServer({
  store = 'boltdb',
  env = {},
}: DtmServerOptions = {}): Promise<DtmServer> {
  const reason = dtmSkipReason(store);
  if (reason) throw new Error(`${reason}; describeDtm() skips the suite`);
  const url = givenUrl(store);
  if (url === undefined) return OwnDtmServer.start(store, env);
  if (Object.keys(env).length > 0) throw new Error(`The DTM server of DTM_URL takes no settings from a test`);
  return new GivenDtmServer(store, url);
}

function givenUrl(store: DtmStore): string | undefined {
  return (store === 'boltdb' && process.env.DTM_URL?.replace(/\/+$/, '')) || undefined;
}

abstract class DtmApi {
  abstract readonly httpUrl: string;

  async query(gid: string): Promise<DtmJobState> {
    const answer = await this.call(`query?gid=${encodeURIComponent(gid)}`);
    return {
      transaction: (answer.transaction ?? null) as DtmJobState['transaction'],
      branches: (answer.branches ?? []) as DtmJobState['branches'],
    };
  }

  async forceStop(gid: string): Promise<void> {
    await this.call('forceStop', { method: 'POST', body: JSON.stringify({ gid }) });
  }

  private async call(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.httpUrl}/api/dtmsvr/${path}`, {
      ...init,
      // A connection that is kept would break with the next restart and fail a later call.
      headers: { 'content-type': 'application/json', connection: 'close' },
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`DTM answered ${response.status} to ${path}: ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }
}

/** The server of `DTM_URL`. */
class GivenDtmServer extends DtmApi implements DtmServer {
  readonly grpcAddress: string;
  readonly pid = undefined;
  readonly folder = undefined;
  readonly schema = undefined;
  readonly log = '(the DTM server of DTM_URL keeps its log to itself)';

  constructor(
    readonly store: DtmStore,
    readonly httpUrl: string,
  ) {
    super();
    this.grpcAddress = process.env.DTM_GRPC ?? `${new URL(httpUrl).hostname}:36790`;
  }

  kill(): Promise<void> {
    return Promise.reject(new Error('The DTM server of DTM_URL is not ours to end: ask canRestartDtm()'));
  }

  restart(): Promise<void> {
    return this.kill();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

class OwnDtmServer extends DtmApi implements DtmServer {
  private readonly process: DtmProcess;

  static async start(store: DtmStore, env: Readonly<Record<string, string>>): Promise<DtmServer> {
    const database = store === 'postgres' ? await createDatabase('postgres') : undefined;
    const server = new OwnDtmServer(store, env, database);
    running.add(server);
    try {
      // The script drops what is there; the connection sees nothing but the new schema.
      await database?.query(readFileSync(schemaScript!, 'utf8'));
      await server.process.start();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  private constructor(
    readonly store: DtmStore,
    env: Readonly<Record<string, string>>,
    private readonly database: TestDatabase | undefined,
    readonly folder = mkdtempSync(join(tmpdir(), 'stepping-dtm-')),
  ) {
    super();
    this.process = new DtmProcess(program, folder, {
      TRANS_CRON_INTERVAL: '1',
      LOG_LEVEL: 'warn',
      ...env,
      ...storeSettings(database),
    });
  }

  get httpUrl(): string {
    return this.process.httpUrl;
  }

  get grpcAddress(): string {
    return this.process.grpcAddress;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get schema(): string | undefined {
    return this.database?.schema;
  }

  get log(): string {
    return this.process.log;
  }

  kill(): Promise<void> {
    return this.process.kill();
  }

  restart(): Promise<void> {
    return this.process.restart();
  }

  async stop(): Promise<void> {
    if (!running.delete(this)) return;
    await this.process.kill();
    rmSync(this.folder, { recursive: true, force: true });
    await this.database?.drop();
  }

  /** What can be done while the test process ends: nothing that waits. */
  abandon(): void {
    this.process.signal();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function storeSettings(database: TestDatabase | undefined): Record<string, string> {
  if (!database) return { STORE_DRIVER: 'boltdb' };
  const url = new URL(database.url);
  return {
    STORE_DRIVER: 'postgres',
    STORE_HOST: url.hostname,
    STORE_PORT: url.port || '5432',
    STORE_USER: quoted(url.username || 'postgres'),
    STORE_PASSWORD: quoted(url.password),
    STORE_DB: decodeURIComponent(url.pathname.slice(1)),
    STORE_SCHEMA: database.schema!,
  };
}

/** DTM puts the value bare into `user=… password=… dbname=…`: an empty one would swallow its neighbour. */
function quoted(part: string): string {
  return `'${decodeURIComponent(part).replace(/[\\']/g, '\\$&')}'`;
}
