import { LineLogger } from '../../core/line-logger.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { gidsLaterThan } from '../../core/jobs/gid.js';
import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';
import type { ExpiredPage, JobStore } from '../../store/job-store.js';
import type { AuditStore } from '../../store/steering/audit-store.js';
import { Housekeeping } from './housekeeping.js';
import { decodeLookup, type JobLookup } from './job-lookup.js';
import { errorText } from '../../errors/error-text.js';

type EndedJob = ExpiredPage['jobs'][number];

/** Small enough that the locks and log records of one DELETE do no harm. */
const PAGE = 500;
/** A run ends after this many pages of jobs that are kept; the next run continues there. */
const VAIN_PAGES_PER_RUN = 40;

/**
 * Deletes jobs that ended longer ago than the retention, with their barrier rows.
 *
 * It goes through the table in the order of the primary key, page by page, since an index for this alone would cost every
 * job an entry. Gids made by the library sort by their creation. So after one that is too young, the sweep skips those that are
 * younger than a whole retention; they are looked at when they are older. Pages full of jobs to delete do not count towards
 * the limit, so the sweep keeps up however fast jobs come.
 */
export class RetentionService extends Housekeeping {
  private readonly logger = new LineLogger(RetentionService.name);
  /** Where the next run goes on; empty at the beginning of the table. */
  protected cursor = '';
  /** How many jobs were deleted. */
  protected deleted = 0;
  private auditFails = false;

  constructor(
    protected readonly store: JobStore,
    private readonly databases: TypeOrmDatabases,
    /** Milliseconds. */
    protected readonly retention: number,
    private readonly audit?: AuditStore,
  ) {
    super(retention);
  }

  protected override failed(error: unknown): void {
    this.logger.warn(`Deleting ended jobs failed and is tried again: ${errorText(error)}`);
  }

  protected override async work(): Promise<void> {
    for (let inVain = 0; inVain < VAIN_PAGES_PER_RUN && !this.stopped;) {
      const { jobs, next, young } = await this.store.expired(this.cursor, PAGE, this.retention);
      const gids = await this.purgeBarriers(jobs);
      if (gids.length > 0) {
        await this.forgetDetails(gids);
        await this.store.delete(gids);
      }
      this.deleted += gids.length;
      inVain += 1 - gids.length / PAGE;
      if (next === null) {
        this.cursor = '';
        return;
      }
      this.cursor = (young ? gidsLaterThan(next, this.retention) : undefined) ?? next;
    }
  }

  /** What the audit keeps of a job's arguments goes with the job, which is purged even where that is not possible. */
  private async forgetDetails(gids: readonly string[]): Promise<void> {
    try {
      await this.audit?.forget(gids);
      this.auditFails = false;
    } catch (error) {
      if (!this.auditFails)
        this.logger.warn(`The audit keeps details of jobs that are deleted: ${errorText(error)}`);
      this.auditFails = true;
    }
  }

  /** Undefined, which is logged, where it cannot be read: nobody knows then which barrier rows are the job's. */
  private lookupOf({ gid, lookup }: EndedJob): JobLookup | undefined {
    try {
      return lookup === null ? {} : decodeLookup(lookup);
    } catch (error) {
      this.logger.warn(
        `Job ${gid} has ended and is kept, since its lookup cannot be read: ${errorText(error)}`,
      );
      return undefined;
    }
  }

  /**
   * Barrier rows are deleted first: a job whose database cannot be reached is kept, and found again. Other applications may
   * have rows in the same table, also for jobs of the same gid: only those of its own barrier gid are known to be a job's.
   */
  private async purgeBarriers(jobs: ExpiredPage['jobs']): Promise<string[]> {
    /** By gid: the gid of the barrier rows. */
    const deletable = new Map<string, string>();
    const byDatabase = new Map<string, { database: DatabaseLookup; gids: string[] }>();
    for (const job of jobs) {
      const lookup = this.lookupOf(job);
      if (!lookup) continue;
      const { database, barrierGid = job.gid } = lookup;
      deletable.set(job.gid, barrierGid);
      if (!database) continue;
      const key = JSON.stringify(database);
      const entry = byDatabase.get(key) ?? { database, gids: [] };
      entry.gids.push(job.gid);
      byDatabase.set(key, entry);
    }
    const barrierGidsOf = (gids: Iterable<string>) => [...gids].map((gid) => deletable.get(gid)!);
    for (const { database, gids } of byDatabase.values()) {
      try {
        await this.databases.purge(database, barrierGidsOf(gids));
      } catch (error) {
        this.logger.warn(
          `${gids.length} ended jobs are kept, since their barrier rows cannot be deleted: ${errorText(error)}`,
        );
        for (const gid of gids) deletable.delete(gid);
      }
    }
    // Barrier rows of transactional steps in other databases.
    const gids = [...deletable.keys()];
    if (gids.length > 0)
      for (const barrier of await this.databases.opened()) await barrier.purge(barrierGidsOf(gids));
    return gids;
  }
}
