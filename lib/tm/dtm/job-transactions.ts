import type { DatabaseLookup, TransactionOutcome } from '../../core/transactions/transaction-context.js';
import { within } from '../../core/within.js';
import { UnresolvedTransactionError } from '../../errors/index.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { RecentKeys } from './recent-keys.js';

/** What a call of DTM says of the transaction of its job. */
export interface JobTransaction {
  /** Of its barrier row: the one that DTM uses. */
  readonly gid: string;
  /** Absent for a job outside any transaction, which counts as committed. */
  readonly database?: DatabaseLookup;
  /** When the job was started, in milliseconds since 1970. */
  readonly time: number;
  /** Seconds from then on in which its transaction is not settled. */
  readonly queryPreparedAfter: number;
  /** Seconds that DTM waits for an answer. */
  readonly requestTimeout: number;
}

/** `undefined`: it cannot be told yet. */
type Outcome = TransactionOutcome | undefined;

/**
 * How the transactions of jobs ended, from their barriers.
 *
 * To ask a barrier settles it: a transaction that has not come to its own row cannot commit any more. So nobody is let
 * do that early, whoever has copied a call of DTM. The age is told by the clock of the process that started the job. Where
 * that is wrong, the job is asked about as if it were old.
 */
export class JobTransactions {
  private readonly committed = new RecentKeys();

  constructor(private readonly databases: TypeOrmDatabases) {}

  /** To be told of a commit that this process has seen: it need not ask for it then. A commit is final. */
  remember(gid: string, database: DatabaseLookup): void {
    this.committed.add(keyOf(gid, database));
  }

  /** For DTM's question. */
  ofQuery(job: JobTransaction): Promise<Outcome> {
    return this.inTime(job, async ({ gid, database }) => {
      if (!database) return 'committed';
      if (!isYoung(job)) return this.databases.queryPrepared(database, gid);
      return (await this.databases.isCommitted(database, gid)) ? 'committed' : undefined;
    });
  }

  /** For a call of a step, before it runs. DTM calls one only when the transaction has committed. */
  async ofStep(job: JobTransaction): Promise<Outcome> {
    const { gid, database } = job;
    if (!database) return 'committed';
    if (this.committed.has(keyOf(gid, database))) return 'committed';
    const outcome = await this.inTime(job, async () => {
      if (await this.databases.hasCommitted(database, gid)) return 'committed';
      return isYoung(job) ? undefined : this.databases.queryPrepared(database, gid);
    });
    if (outcome === 'committed') this.remember(gid, database);
    return outcome;
  }

  /** DTM stops waiting at its time-out, and then doubles the wait. So this tells early that it has no answer yet. */
  private async inTime(
    job: JobTransaction,
    ask: (job: JobTransaction) => Promise<Outcome>,
  ): Promise<Outcome> {
    try {
      return await within(job.requestTimeout * 500, ask(job));
    } catch (error) {
      if (error instanceof UnresolvedTransactionError) return undefined;
      throw error;
    }
  }
}

function keyOf(gid: string, { dataSource, tenant }: DatabaseLookup): string {
  return JSON.stringify([gid, dataSource, tenant]);
}

/** DTM counts in whole seconds, and its stores round to them. */
const ROUNDING_MS = 500;

function isYoung({ time, queryPreparedAfter }: JobTransaction): boolean {
  return Math.abs(Date.now() - time) < queryPreparedAfter * 1000 - ROUNDING_MS;
}
