import type { ProofDatabase } from './database.js';
import type { Evidence, JobState, Transition, TransitionState } from './evidence.js';
import type { WorkerLife } from './process.js';
import type { LedgerEntry } from './ledger.js';
import type { OperatorCall } from './operator-call.js';
import type { Cluster } from './run.js';
import type { Target } from './target.js';
import type { WorkerTiming } from './worker/settings.js';

/** The databases of an attack, and the records kept outside of them. */
export interface EvidenceSource {
  readonly target: Target;
  readonly timing: WorkerTiming;
  readonly business: ProofDatabase;
  readonly store: ProofDatabase;
  readonly cluster: Cluster;
  readonly ledger: {
    readonly entries: ReadonlyMap<string, LedgerEntry>;
    readonly calls: ReadonlyMap<number, OperatorCall>;
  };
  readonly fleet: { readonly lives: readonly WorkerLife[] };
  readonly connectionsCut: boolean;
  readonly undisturbed: boolean;
}

export async function readEvidence(source: EvidenceSource): Promise<Evidence> {
  const { business, target } = source;
  const orders = await business.query<{ id: string; gid: string }>('SELECT id, gid FROM proof_orders');
  const bookings = await business.query<{ order_id: string; step_index: number; times: number | string }>(
    'SELECT order_id, step_index, count(*) AS times FROM proof_bookings GROUP BY order_id, step_index',
  );
  const effects = await business.query<Record<string, any>>(
    'SELECT * FROM proof_effects ORDER BY begin_at, id',
  );
  return {
    target,
    timing: source.timing,
    ledger: [...source.ledger.entries.values()],
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
      version: row.version,
      key: row.idempotency_key,
    })),
    jobs: new Map((await readJobs(source)).map((job) => [job.gid, job])),
    transitions: usesDtm(source) || target.triggers === false ? [] : await readTransitions(source),
    lives: source.fleet.lives,
    calls: [...source.ledger.calls.values()],
    connectionsCut: source.connectionsCut,
    undisturbed: source.undisturbed,
  };
}

/** Number of jobs that have not ended. */
export async function openJobs(source: EvidenceSource): Promise<number> {
  const sql = usesDtm(source)
    ? `SELECT count(*) AS open FROM trans_global WHERE status NOT IN ('succeed', 'failed')`
    : 'SELECT count(*) AS open FROM stepping_jobs WHERE due_at IS NOT NULL';
  const [row] = await source.store.query<{ open: number | string }>(sql);
  return Number(row!.open);
}

/** Whether all these jobs of the self-TM have. */
export async function haveSucceeded(store: ProofDatabase, gids: readonly string[]): Promise<boolean> {
  const list = gids.map((gid) => `'${gid}'`).join(', ');
  const [row] = await store.query<{ done: number | string }>(
    `SELECT count(*) AS done FROM stepping_jobs WHERE status = 'succeeded' AND gid IN (${list})`,
  );
  return Number(row!.done) === gids.length;
}

const DTM_STATUS: Readonly<Record<string, string>> = { succeed: 'succeeded', failed: 'rolledBack' };

async function readJobs(source: EvidenceSource): Promise<JobState[]> {
  const { store } = source;
  if (!usesDtm(source)) return store.query<JobState>('SELECT gid, status, owner FROM stepping_jobs');
  const rows = await store.query<{ gid: string; status: string }>('SELECT gid, status FROM trans_global');
  // DTM stores the caller's own gids in parentheses.
  return rows.map(({ gid, status }) => ({
    gid: gid.replace(/^\((.*)\)$/, '$1'),
    status: DTM_STATUS[status] ?? status,
    owner: null,
  }));
}

async function readTransitions({ store, cluster }: EvidenceSource): Promise<Transition[]> {
  const order = cluster.numbersPerServer ? 'at, id' : 'id';
  const rows = await store.query<Record<string, any>>(`SELECT * FROM proof_audit ORDER BY ${order}`);
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
    at: Number(row.at),
    before: state(row, 'old'),
    after: state(row, 'new'),
  }));
}

const usesDtm = ({ target }: EvidenceSource): boolean => target.placement === 'dtm';
