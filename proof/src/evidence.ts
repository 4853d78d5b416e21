import type { LedgerEntry } from './ledger.js';
import type { WorkerLife } from './process.js';
import type { Scene } from './scene.js';
import type { Target } from './target.js';
import type { WorkerTiming } from './worker/settings.js';

export interface Effect {
  readonly id: string;
  readonly order: string;
  readonly gid: string;
  readonly step: number;
  readonly kind: string;
  readonly attempt: number;
  readonly worker: string;
  readonly begin: number;
  readonly end: number | null;
  readonly outcome: 'done' | 'failed' | null;
  /** When its signal told it to stop; of what a step does after that, the library says nothing. */
  readonly signalled: number | null;
}

export interface JobState {
  readonly gid: string;
  readonly status: string;
  readonly owner: string | null;
}

/** One change of a job, as a trigger saw it; a job that did not exist has no old state. */
export interface Transition {
  readonly gid: string;
  readonly writer: string | null;
  readonly before: TransitionState | null;
  readonly after: TransitionState | null;
}

export interface TransitionState {
  readonly status: string;
  readonly step: number;
  readonly attempts: number;
  readonly owner: string | null;
}

/** Everything that was left behind, read with plain SQL after the processes have ended. */
export interface Evidence {
  readonly target: Target;
  readonly timing: WorkerTiming;
  readonly ledger: readonly LedgerEntry[];
  /** The gid by order. */
  readonly orders: ReadonlyMap<string, string>;
  readonly bookings: ReadonlyMap<string, number>;
  readonly effects: readonly Effect[];
  readonly jobs: ReadonlyMap<string, JobState>;
  readonly transitions: readonly Transition[];
  readonly lives: readonly WorkerLife[];
  /** The attack took connections away, and with them answers. */
  readonly connectionsCut: boolean;
}

export async function readEvidence(scene: Scene): Promise<Evidence> {
  const { business, store, target } = scene;
  const orders = await business.query<{ id: string; gid: string }>('SELECT id, gid FROM proof_orders');
  const bookings = await business.query<{ order_id: string; step_index: number; times: number | string }>(
    'SELECT order_id, step_index, count(*) AS times FROM proof_bookings GROUP BY order_id, step_index',
  );
  const effects = await business.query<Record<string, any>>(
    'SELECT * FROM proof_effects ORDER BY begin_at, id',
  );
  return {
    target,
    timing: scene.timing,
    ledger: [...scene.ledger.entries.values()],
    orders: new Map(orders.map(({ id, gid }) => [id, gid])),
    bookings: new Map(bookings.map((row) => [`${row.order_id}/${row.step_index}`, Number(row.times)])),
    effects: effects.map((row) => ({
      id: row.id,
      order: row.order_id,
      gid: row.gid,
      step: Number(row.step_index),
      kind: row.kind,
      attempt: Number(row.attempt),
      worker: row.worker,
      begin: Number(row.begin_at),
      end: row.end_at === null ? null : Number(row.end_at),
      outcome: row.outcome,
      signalled: row.signalled_at === null ? null : Number(row.signalled_at),
    })),
    jobs: new Map((await readJobs(scene)).map((job) => [job.gid, job])),
    transitions: scene.dtm ? [] : await readTransitions(store),
    lives: scene.fleet.lives,
    connectionsCut: scene.connectionsCut,
  };
}

/** How many jobs are not at their end. */
export async function openJobs(scene: Scene): Promise<number> {
  const sql = scene.dtm
    ? `SELECT count(*) AS open FROM trans_global WHERE status NOT IN ('succeed', 'failed')`
    : 'SELECT count(*) AS open FROM stepping_jobs WHERE due_at IS NOT NULL';
  const [row] = await scene.store.query<{ open: number | string }>(sql);
  return Number(row!.open);
}

const DTM_STATUS: Readonly<Record<string, string>> = { succeed: 'succeeded', failed: 'rolledBack' };

async function readJobs({ store, dtm }: Scene): Promise<JobState[]> {
  if (!dtm) return store.query<JobState>('SELECT gid, status, owner FROM stepping_jobs');
  const rows = await store.query<{ gid: string; status: string }>('SELECT gid, status FROM trans_global');
  // DTM knows gids of the caller's own in parentheses.
  return rows.map(({ gid, status }) => ({
    gid: gid.replace(/^\((.*)\)$/, '$1'),
    status: DTM_STATUS[status] ?? status,
    owner: null,
  }));
}

async function readTransitions(store: Scene['store']): Promise<Transition[]> {
  const rows = await store.query<Record<string, any>>('SELECT * FROM proof_audit ORDER BY id');
  const state = (row: Record<string, any>, which: 'old' | 'new'): TransitionState | null =>
    row[`${which}_status`] === null
      ? null
      : {
          status: row[`${which}_status`],
          step: Number(row[`${which}_step_index`]),
          attempts: Number(row[`${which}_attempts`]),
          owner: row[`${which}_owner`],
        };
  return rows.map((row) => ({
    gid: row.gid,
    writer: row.writer,
    before: state(row, 'old'),
    after: state(row, 'new'),
  }));
}
