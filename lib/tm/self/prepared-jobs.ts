import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';
import { faultPoint } from '../../core/fault-point.js';
import { LineLogger } from '../../core/line-logger.js';
import { WaitGroup } from '../../core/wait-group.js';
import { within } from '../../core/within.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { errorText } from '../../errors/error-text.js';
import { UnresolvedTransactionError } from '../../errors/index.js';
import { isOutage } from '../../store/driver-errors.js';
import type { ClaimedJob, JobStore, PreparedChange } from '../../store/job-store.js';
import { decodePrepared } from './job-lookup.js';

/** How many questions are asked at once, since each may wait for a lock. */
const PARALLEL = 8;
/** How many jobs wait here for their question; any others are handed back. */
const MOST_WAITING = 500;
/** How long the next claim waits for the answers: those of databases that answer set its pace, others do not stop it. */
const PATIENCE_MS = 250;
/** How long a shutdown waits for the questions that are under way. */
const STOP_PATIENCE_MS = 2_000;

type Verdict = Omit<PreparedChange, 'gid' | 'owner'>;

/**
 * Settles prepared jobs that were never submitted. It asks the barrier of their database how the transaction ended (query-back);
 * a transaction that has not committed by then never will.
 *
 * A database may take long to answer, or never do, so it works beside the claims. Each answer is written under the lease of the
 * claim that it was asked for: whoever has claimed the job since is not disturbed.
 */
export class PreparedJobs implements BackgroundService {
  private readonly logger = new LineLogger(PreparedJobs.name);
  /** By gid: a job that is claimed again while it waits is asked about once. */
  private readonly waiting = new Map<string, ClaimedJob>();
  private readonly underWay = new Set<ClaimedJob>();
  private readonly workers = new WaitGroup();
  private working = 0;
  /** By database: how many questions are under way there. */
  private readonly asked = new Map<string, number>();
  /** Databases that are away: they get one question at a time. */
  private readonly away = new Set<string>();
  /** Databases that could not be asked, which the log has told. */
  private readonly told = new Set<string>();
  private stopped = false;

  constructor(
    private readonly store: JobStore,
    private readonly databases: TypeOrmDatabases,
    private readonly wake: (delay: number) => void,
    /** Milliseconds. */
    private readonly askAgainAfter: number,
  ) {}

  /** Resolves when nothing is left to be asked, or after a while. */
  async settle(records: readonly ClaimedJob[]): Promise<void> {
    if (records.length === 0) return;
    const tooMany: ClaimedJob[] = [];
    for (const record of records) {
      const fits = this.waiting.size < MOST_WAITING || this.waiting.has(record.gid);
      if (fits && !this.stopped) this.waiting.set(record.gid, record);
      else tooMany.push(record);
    }
    while (this.waiting.size > 0 && this.working < PARALLEL) {
      this.working += 1;
      void detached(() => this.workers.run(() => this.work()));
    }
    await this.handBack(tooMany, this.askAgainAfter);
    await within(PATIENCE_MS, this.workers.wait());
  }

  /** Other processes may ask at once for what has no answer then. */
  async stop(): Promise<void> {
    this.stopped = true;
    const left = [...this.waiting.values()];
    this.waiting.clear();
    await this.handBack(left, 0);
    await within(STOP_PATIENCE_MS, this.workers.wait());
    await this.handBack([...this.underWay], 0);
  }

  private get later(): Verdict {
    return { status: 'prepared', due: this.askAgainAfter, release: true };
  }

  /** Asks about one job, and stores the answer. */
  async resolve(record: ClaimedJob): Promise<void> {
    const verdict = await this.ask(record);
    await faultPoint('recovery:resolved', record.gid);
    const changed = await this.store.changePrepared([{ ...keyOf(record), ...verdict }]);
    if (verdict.status === 'submitted' && changed.has(record.gid)) this.wake(verdict.due ?? 0);
  }

  private async work(): Promise<void> {
    for (const [gid, record] of this.waiting) {
      this.waiting.delete(gid);
      this.underWay.add(record);
      await this.resolve(record).catch((error: unknown) => this.unstored(1, error));
      this.underWay.delete(record);
    }
    this.working -= 1;
  }

  private async ask(record: ClaimedJob): Promise<Verdict> {
    let database = '';
    try {
      const { database: lookup, delay, barrierGid = record.gid } = decodePrepared(record.lookup);
      database = JSON.stringify(lookup);
      if (this.away.has(database) && this.asked.has(database)) return this.later;
      const outcome = await this.asking(database, () => this.databases.queryPrepared(lookup, barrierGid));
      this.answered(database);
      if (outcome === 'rolledBack') return { status: 'rolledBack', due: null, release: true };
      // Released, since this process may have no free slot, or not provide the step.
      return { status: 'submitted', due: delay, release: true };
    } catch (error) {
      if (error instanceof UnresolvedTransactionError) this.answered(database);
      else this.failed(record, database, error);
      return this.later;
    }
  }

  private async asking<T>(database: string, question: () => Promise<T>): Promise<T> {
    this.asked.set(database, (this.asked.get(database) ?? 0) + 1);
    try {
      return await question();
    } finally {
      const left = this.asked.get(database)! - 1;
      if (left > 0) this.asked.set(database, left);
      else this.asked.delete(database);
    }
  }

  private answered(database: string): void {
    this.away.delete(database);
    this.told.delete(database);
  }

  /** @param database empty where the job itself cannot be read, which says nothing of the others. */
  private failed({ gid }: ClaimedJob, database: string, error: unknown): void {
    if (isOutage(error)) this.away.add(database);
    if (this.told.has(database)) return;
    if (database !== '') this.told.add(database);
    this.logger.error(
      `Job ${gid} stays prepared, since its database cannot be asked how the transaction ended: ${errorText(error)}`,
    );
  }

  private async handBack(records: readonly ClaimedJob[], due: number): Promise<void> {
    if (records.length === 0) return;
    const changes = records.map((record) => ({ ...keyOf(record), ...this.later, due }));
    await this.store.changePrepared(changes).catch((error: unknown) => this.unstored(records.length, error));
  }

  /** They are asked about again when their leases have expired. The recovery tells when the store is away. */
  private unstored(jobs: number, error: unknown): void {
    if (isOutage(error)) return;
    this.logger.error(`What ${jobs} prepared jobs are to become is not stored: ${errorText(error)}`);
  }
}

/** Of the lease of the claim. */
function keyOf({ gid, owner }: ClaimedJob): Pick<PreparedChange, 'gid' | 'owner'> {
  return { gid, owner: owner! };
}
