import { Logger } from '@nestjs/common';
import { InvalidOptionError, TransactionRequiredError } from '../../errors/index.js';
import { MAX_STORED_DURATION_MS, parseDuration, type Duration } from '../duration.js';
import type { JobTransaction, TransactionResolver } from '../transactions/transaction-resolver.js';
import { DistributedJob, type JobEnvironment } from './distributed-job.js';
import { checkGid, newGid } from './gid.js';

/**
 * Settings of one job.
 *
 * @publicApi
 */
export interface CreateJobOptions {
  /** A label to find jobs by, up to 255 characters. */
  readonly name?: string;
  /**
   * The transaction that the job takes part in. Left out: the TypeORM transaction around the caller, if
   * there is one. `'none'`: a job of its own, whatever is around it.
   */
  readonly transaction?: JobTransaction;
  /**
   * An id of the caller's own: 1 to 128 of `[A-Za-z0-9._:-]`, compared exactly. Starting it again with the
   * same steps is the same job while it lives or after it succeeded. Default: a new UUID.
   */
  readonly gid?: string;
  /** How long after its start the first step runs: milliseconds, or a text such as `'10m'`. Default: 0. */
  readonly delay?: Duration;
  /** Settings of the transaction manager in use, made by a function of it. The self-TM has none. */
  readonly manager?: unknown;
}

const MAX_NAME_LENGTH = 255;

/**
 * Creates jobs. Inject it where jobs are started.
 *
 * @publicApi
 */
export class DistributedJobFactory {
  private readonly logger = new Logger(DistributedJobFactory.name);
  private warned = false;

  /** @internal Made by the library. */
  constructor(
    private readonly environment: JobEnvironment,
    private readonly transactions: TransactionResolver,
    private readonly requireTransaction: boolean | 'warn',
  ) {}

  /**
   * Creates a job; nothing is written before its `start()`.
   *
   * @throws InvalidGidError, InvalidOptionError for a name or delay that cannot be.
   * @throws TransactionNotActiveError when `transaction` has no active transaction.
   * @throws InvalidTransactionError when `transaction` is none of the things that it may be.
   */
  createJob(options: CreateJobOptions = {}): DistributedJob {
    const gid = options.gid === undefined ? newGid() : checkGid(options.gid);
    const name = options.name ?? null;
    if (name !== null && (typeof name !== 'string' || name.length === 0 || name.length > MAX_NAME_LENGTH)) {
      throw new InvalidOptionError('name', name, `a text of 1 to ${MAX_NAME_LENGTH} characters`);
    }
    const delay =
      options.delay === undefined
        ? 0
        : parseDuration(options.delay, 'delay', { max: MAX_STORED_DURATION_MS });
    const { transaction } = options;
    // A transaction that was passed is checked here, where the mistake is; the one around is looked for
    // at the start, since it need not be the same by then.
    const given = transaction === undefined ? undefined : this.transactions.resolve(transaction, gid);
    return new DistributedJob(this.environment, {
      gid,
      name,
      callerGid: options.gid !== undefined,
      delay,
      manager: options.manager,
      onStandalone: () => this.checkStandalone(gid, transaction === 'none'),
      transaction: () => (given === undefined ? this.transactions.resolve(undefined, gid) : given),
    });
  }

  private checkStandalone(gid: string, wanted: boolean): void {
    if (wanted || this.requireTransaction === false) return;
    if (this.requireTransaction === true) throw new TransactionRequiredError(gid);
    if (this.warned) return;
    this.warned = true;
    this.logger.warn(
      `Job ${gid} was started outside any transaction. If that is meant, say createJob({ transaction: 'none' }). ` +
        'This warning is given once per process.',
    );
  }
}
