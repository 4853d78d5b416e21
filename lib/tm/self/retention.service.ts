import { Logger } from '@nestjs/common';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { gidsLaterThan } from '../../core/jobs/gid.js';
import type { DatabaseLookup } from '../../core/transactions/database-lookup.js';
import type { ExpiredPage, JobStore } from '../../store/job-store.js';
import { decodeLookup } from './prepared-lookup.js';

/** Small enough that the locks and the log records of one DELETE disturb nobody. */
const PAGE = 500;
/** So many pages of jobs that stay are enough for one run: the next one goes on there. */
const VAIN_PAGES_PER_RUN = 40;

/**
 * Deletes jobs that have ended long enough ago, with their barrier rows.
 *
 * It sweeps the table in the order of the primary key, page by page: an index for this alone would cost every job an
 * entry. The library's own gids are in the order of their creation. After one that is too young, the sweep therefore leaves out
 * those of a whole retention; they are looked at once they are older. Pages full of what is to be deleted do not count, so
 * that it keeps pace however fast jobs come.
 */
export class RetentionService {
  private readonly logger = new Logger(RetentionService.name);
  private cursor = '';
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly store: JobStore,
    private readonly databases: TypeOrmDatabases,
    /** Milliseconds. */
    private readonly retention: number,
  ) {}

  /** One run; it never overlaps itself, and a failing database is only reported. */
  run(): Promise<void> {
    if (this.stopped) return Promise.resolve();
    this.running ??= this.sweep()
      .catch((error: unknown) =>
        this.logger.warn(`Deleting ended jobs failed; it is tried again: ${String(error)}`),
      )
      .finally(() => (this.running = undefined));
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async sweep(): Promise<void> {
    for (let inVain = 0; inVain < VAIN_PAGES_PER_RUN && !this.stopped;) {
      const { jobs, next, young } = await this.store.expired(this.cursor, PAGE, this.retention);
      const gids = await this.purgeBarriers(jobs);
      if (gids.length > 0) await this.store.delete(gids);
      inVain += 1 - gids.length / PAGE;
      if (next === null) {
        this.cursor = '';
        return;
      }
      this.cursor = (young ? gidsLaterThan(next, this.retention) : undefined) ?? next;
    }
  }

  /** Barrier rows go first: a job whose database cannot be reached is kept, and found again. */
  private async purgeBarriers(jobs: ExpiredPage['jobs']): Promise<string[]> {
    const byDatabase = new Map<string, { database: DatabaseLookup; gids: string[] }>();
    const deletable = new Set(jobs.map((job) => job.gid));
    for (const job of jobs) {
      if (job.lookup === null) continue;
      const { database } = decodeLookup(job.lookup);
      const key = JSON.stringify(database);
      const entry = byDatabase.get(key) ?? { database, gids: [] };
      entry.gids.push(job.gid);
      byDatabase.set(key, entry);
    }
    for (const { database, gids } of byDatabase.values()) {
      try {
        await this.databases.purge(database, gids);
      } catch (error) {
        this.logger.warn(
          `${gids.length} ended jobs are kept: their barrier rows cannot be deleted. ${String(error)}`,
        );
        for (const gid of gids) deletable.delete(gid);
      }
    }
    // Done-marks of transactional steps in other databases.
    const gids = [...deletable];
    if (gids.length > 0) for (const barrier of await this.databases.opened()) await barrier.purge(gids);
    return gids;
  }
}
