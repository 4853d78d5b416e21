import { LineLogger } from '../../core/line-logger.js';
import { faultPoint } from '../../core/fault-point.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { errorText } from '../../errors/error-text.js';
import { UnresolvedTransactionError } from '../../errors/index.js';
import type { ClaimedJob, JobStore, PreparedChange } from '../../store/job-store.js';
import { decodePrepared } from './job-lookup.js';

/** How many questions are asked at once, since each may wait for a lock. */
const PARALLEL = 8;

/**
 * Settles prepared jobs that were never submitted. It asks the barrier of their database how the transaction ended (query-back);
 * a transaction that has not committed by then never will.
 */
export class PreparedJobs {
  private readonly logger = new LineLogger(PreparedJobs.name);

  constructor(
    private readonly store: JobStore,
    private readonly databases: TypeOrmDatabases,
    private readonly wake: (delay: number) => void,
    /** Milliseconds. */
    private readonly askAgainAfter: number,
  ) {}

  async resolve(records: readonly ClaimedJob[]): Promise<void> {
    const waiting = [...records];
    const worker = async () => {
      for (let record = waiting.pop(); record; record = waiting.pop()) await this.resolveOne(record);
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, records.length) }, worker));
  }

  private async resolveOne(record: ClaimedJob): Promise<void> {
    const key = { gid: record.gid, owner: record.owner! };
    const change = { ...key, ...(await this.ask(record)) };
    await faultPoint('recovery:resolved', record.gid);
    const changed = await this.store.changePrepared([change]);
    if (change.status === 'submitted' && changed.has(record.gid)) this.wake(change.due ?? 0);
  }

  private async ask(record: ClaimedJob): Promise<Omit<PreparedChange, 'gid' | 'owner'>> {
    try {
      const { database, delay, barrierGid = record.gid } = decodePrepared(record.lookup);
      const outcome = await this.databases.queryPrepared(database, barrierGid);
      if (outcome === 'rolledBack') return { status: 'rolledBack', due: null, release: true };
      // Released, since this process may have no free slot, or not provide the step.
      return { status: 'submitted', due: delay, release: true };
    } catch (error) {
      if (!(error instanceof UnresolvedTransactionError)) {
        this.logger.error(
          `Job ${record.gid} stays prepared, since its database cannot be asked how the transaction ended: ${errorText(error)}`,
        );
      }
      return { status: 'prepared', due: this.askAgainAfter, release: true };
    }
  }
}
