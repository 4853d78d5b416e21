import { join } from 'node:path';
import { checkEvidence } from './checker.js';
import { LoadClient } from './client.js';
import { createDatabase, effectsOf, type ProofDatabase } from './database.js';
import { startDtm, type DtmServer } from './dtm-server.js';
import { openJobs, readEvidence } from './evidence-reader.js';
import { Fleet, type Incarnation } from './fleet.js';
import { Ledger } from './ledger.js';
import { freePort } from './ports.js';
import type { Random } from './random.js';
import type { Cluster, Surroundings } from './run.js';
import { auditTrail, businessTables, effectsTable } from './schema.js';
import type { Target } from './target.js';
import type { Verdict } from './verdict.js';
import { until } from './wait.js';
import type { FaultSettings, WorkerSettings, WorkerTiming } from './worker/settings.js';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

/** Settings in which one process of the application differs from the others. */
export interface Variation {
  readonly fault?: FaultSettings | undefined;
  readonly clockOffset?: number;
  readonly clockJump?: number;
  readonly poolSize?: number;
  readonly concurrency?: number;
  readonly runSteps?: boolean;
  /** URL of a proxy in front of the business database. */
  readonly businessUrl?: string | undefined;
}

/** Everything that an attack needs, for itself alone: databases, processes and the client's record. */
export class Scene {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  /** Set by attacks that cut connections: driver errors about a COMMIT are then expected. */
  connectionsCut = false;
  /** Set by attacks that neither kill nor stop processes nor cut connections: no step may then be repeated. */
  undisturbed = false;
  /** Set by attacks on events: where they go. */
  broker: string | undefined;
  vary: (place: number) => Variation = () => ({});
  private readonly clients: LoadClient[] = [];

  private constructor(
    readonly target: Target,
    readonly random: Random,
    readonly timing: WorkerTiming,
    readonly business: ProofDatabase,
    /** The database of the jobs: the same one, another one, or DTM's. */
    readonly store: ProofDatabase,
    readonly dtm: DtmServer | undefined,
    private readonly callbackPort: number,
    private readonly surroundings: Surroundings,
    private readonly folder: string,
    processes: number,
    readonly cluster: Cluster,
  ) {
    this.ledger = new Ledger(join(folder, 'ledger.jsonl'));
    this.fleet = new Fleet(processes, random.fork(), (place) => this.incarnation(place));
  }

  /** Creates the databases with all tables, and `processes` processes. With DTM, which calls one address, a single process. */
  static async open(
    target: Target,
    random: Random,
    surroundings: Surroundings,
    { processes = 3, timing = TIMING, cluster = {} }: SceneOptions = {},
  ): Promise<Scene> {
    const { backend, placement } = target;
    const business = await createDatabase(backend, surroundings.servers);
    const store = placement === 'one' ? business : await createDatabase(backend, surroundings.servers);
    for (const sql of businessTables(backend)) await business.query(sql);
    // On SQLite the effects are in a separate file, attached by the checker.
    const effects = effectsTable(backend);
    await business.query(backend === 'sqlite' ? effects.replace('TABLE ', 'TABLE effects.') : effects);
    const dtm = placement === 'dtm' ? await startDtm(surroundings.repository, store) : undefined;
    const folder = temporaryFolder('ledger');
    return new Scene(
      target,
      random,
      timing,
      business,
      store,
      dtm,
      await freePort(),
      surroundings,
      folder,
      placement === 'dtm' ? 1 : processes,
      cluster,
    );
  }

  /** Starts the processes, and creates the triggers once the library has created its tables. */
  async start(vary: (place: number) => Variation = () => ({})): Promise<void> {
    this.vary = vary;
    await this.fleet.start();
    if (this.dtm || this.target.triggers === false) return;
    for (const sql of auditTrail(this.target.backend)) await this.store.query(sql);
  }

  /** Connects the checker again, after servers were replaced. */
  async reconnect(): Promise<void> {
    await this.business.reconnect();
    if (this.store !== this.business) await this.store.reconnect();
  }

  /** Adds a client that uses the scene's record. It has at most `limit` unanswered jobs. */
  client(prefix: string, limit?: number): LoadClient {
    const client = new LoadClient(this.fleet, this.ledger, prefix, limit);
    this.clients.push(client);
    return client;
  }

  /** Waits until all requests are answered and no job is left to run. False if some are left after `timeout` milliseconds. */
  async settle(timeout: number): Promise<boolean> {
    this.vary = () => ({});
    let hurried = -Infinity;
    const settled = await until(
      async () => {
        // A process may still reach the point at which it was told to pause itself.
        for (const worker of this.fleet.current) if (worker.stopped) worker.continue();
        if (this.dtm && performance.now() - hurried > HURRY_EVERY_MS) {
          await this.store.query(HURRY);
          hurried = performance.now();
        }
        const serving = this.fleet.current.some((worker) => worker.usable);
        // A job that is being started is not in any table yet.
        const placed = this.clients.every(({ unanswered }) => unanswered === 0);
        return serving && placed && (await openJobs(this)) === 0;
      },
      this.dtm ? timeout * DTM_PATIENCE : timeout,
      250,
    );
    return settled === true;
  }

  /** Shuts the processes down and judges the result. */
  async judge(): Promise<Verdict> {
    await this.fleet.shutDown();
    return checkEvidence(await readEvidence(this));
  }

  async close(): Promise<void> {
    await this.fleet.abandon();
    this.ledger.close();
    await this.dtm?.stop();
    await this.business.drop();
    if (this.store !== this.business) await this.store.drop();
    removeFolder(this.folder);
  }

  /** The same database, on the server that this process uses. */
  private urlFor(place: number, database: ProofDatabase): string | undefined {
    const server = this.cluster.urlOf?.(place);
    if (server === undefined) return undefined;
    const url = new URL(database.url);
    url.host = new URL(server).host;
    return url.href;
  }

  private incarnation(place: number): Incarnation {
    const { placement } = this.target;
    const { fault, clockOffset, clockJump, poolSize, concurrency, runSteps, businessUrl } = this.vary(place);
    const pool = poolSize === undefined ? {} : { poolSize };
    const settings: Omit<WorkerSettings, 'name'> = {
      business: this.business.options(pool, businessUrl ?? this.urlFor(place, this.business)),
      ...(placement === 'two' && { store: this.store.options(pool, this.urlFor(place, this.store)) }),
      ...(this.dtm && { dtm: { server: this.dtm.url, port: this.callbackPort } }),
      effects: effectsOf(this.business),
      timing: this.timing,
      ...(fault && { fault }),
      ...(concurrency !== undefined && { concurrency }),
      ...(runSteps !== undefined && { runSteps }),
      ...(this.broker !== undefined && { broker: this.broker }),
    };
    return {
      settings,
      environment: {
        root: this.surroundings.root,
        ...(clockOffset !== undefined && { clockOffset }),
        ...(clockJump !== undefined && { clockJump }),
      },
    };
  }
}

interface SceneOptions {
  /** With DTM, which calls one address, there is one. */
  readonly processes?: number | undefined;
  readonly timing?: WorkerTiming;
  readonly cluster?: Cluster | undefined;
}

/** DTM takes up overdue jobs one at a time. */
const DTM_PATIENCE = 5;

/**
 * DTM doubles its waits while the application is away. Its operator could reset them, too. Jobs that DTM is working on are left
 * alone, because the same column is its lock.
 */
const HURRY = `
  UPDATE trans_global SET next_cron_interval = 1, next_cron_time = now()
   WHERE status NOT IN ('succeed', 'failed') AND next_cron_time > now() + interval '15 seconds'`;
const HURRY_EVERY_MS = 10_000;

/** Short enough for many recoveries a minute, long enough for a busy machine. */
export const TIMING: WorkerTiming = { lease: 3000, interval: 250, queryAfter: 2000, grace: 2000 };
