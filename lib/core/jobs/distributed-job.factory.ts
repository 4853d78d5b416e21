import { LineLogger } from '../line-logger.js';
import { InvalidOptionError, TransactionRequiredError } from '../../errors/index.js';
import { MAX_STORED_DURATION_MS, parseDuration, type Duration } from '../duration.js';
import { isName, NAME_RULE } from '../name.js';
import { refuseUnknown } from '../options.js';
import type { Payloads } from '../payloads/payloads.js';
import type { StepArgumentsSerializer } from '../steps/step-arguments.serializer.js';
import type { StepRegistry } from '../steps/step.registry.js';
import type { JobTelemetry } from '../telemetry/job-telemetry.js';
import type { TransactionManager } from '../transaction-manager.js';
import type { JobTransaction, TransactionResolver } from '../transactions/transaction-resolver.js';
import { DistributedJob, type JobEnvironment } from './distributed-job.js';
import { checkGid, newGid } from './gid.js';
import type { Readiness } from './readiness.js';
import type { TransactionSettler } from './transaction-settler.js';
import { callSite, UnstartedJobs, type MadeJob } from './unstarted-jobs.js';

/**
 * Settings of one job.
 *
 * @publicApi
 */
export interface CreateJobOptions {
  /** A label to find jobs by: 1 to 255 characters, no control characters, no space at either end. */
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

/** What the application called, which made its job: what is said of the job names the line of that call, and how to write it. */
export interface JobCall {
  readonly callee: (...args: any[]) => unknown;
  /** What stands before the options. */
  readonly opening: string;
}

const JOB_OPTIONS = ['name', 'transaction', 'gid', 'delay', 'manager'];

/**
 * Creates jobs. Inject it where jobs are started.
 *
 * @publicApi
 */
export class DistributedJobFactory {
  private readonly logger = new LineLogger(DistributedJobFactory.name);
  private readonly environment: JobEnvironment;
  private warned = false;

  /** @internal Made by the library. */
  constructor(
    manager: TransactionManager,
    settler: TransactionSettler,
    registry: StepRegistry,
    serializer: StepArgumentsSerializer,
    payloads: Payloads,
    private readonly transactions: TransactionResolver,
    readiness: Readiness,
    telemetry: JobTelemetry,
    private readonly options: { readonly requireTransaction: boolean | 'warn' | undefined },
  ) {
    const unstarted = UnstartedJobs.inDevelopment();
    this.environment = { manager, settler, registry, serializer, payloads, readiness, telemetry, unstarted };
  }

  /**
   * Creates a job; nothing is written before its `start()`.
   *
   * @throws InvalidGidError, InvalidOptionError for a name or delay that cannot be, and for an unknown option.
   * @throws TransactionNotActiveError when `transaction` has no active transaction.
   * @throws InvalidTransactionError when `transaction` is none of the things that it may be.
   */
  createJob(options: CreateJobOptions = {}): DistributedJob {
    return this.make(options);
  }

  /** @internal For a part of the library that makes a job, and starts it in the same call. */
  createJobFor(call: JobCall, options: CreateJobOptions): DistributedJob {
    return this.make(options, call);
  }

  private make(options: CreateJobOptions, call?: JobCall): DistributedJob {
    refuseUnknown(options, 'createJob', JOB_OPTIONS);
    this.environment.readiness.discover();
    const gid = options.gid === undefined ? newGid() : checkGid(options.gid);
    const name = options.name ?? null;
    if (name !== null && !isName(name)) throw new InvalidOptionError('name', name, NAME_RULE);
    const delay = parseDuration(options.delay ?? 0, 'delay', { max: MAX_STORED_DURATION_MS });
    const { transaction } = options;
    // A transaction that was passed is checked here, where the mistake is. The one around the caller is looked up
    // by start(), since it may be another one by then.
    const given = transaction === undefined ? undefined : this.transactions.resolve(transaction, gid);
    return new DistributedJob(this.environment, {
      message: { gid, name, delay, callerGid: options.gid !== undefined, settings: options.manager },
      onStandalone: () => this.checkStandalone(gid, transaction === 'none', call),
      transaction: () => (given === undefined ? this.transactions.resolve(undefined, gid) : given),
      made: this.environment.unstarted?.admit() ? this.noteMade(gid, transaction, call) : undefined,
    });
  }

  private noteMade(gid: string, transaction: JobTransaction | undefined, call?: JobCall): MadeJob {
    const where = callSite(call?.callee ?? DistributedJobFactory.prototype.createJob);
    return { gid, where, hasFailed: this.transactions.watchFailure(transaction) };
  }

  private checkStandalone(gid: string, wanted: boolean, call?: JobCall): void {
    if (wanted) return;
    const { requireTransaction = this.environment.manager.durable } = this.options;
    if (requireTransaction === false) return;
    if (requireTransaction === true) {
      const where = callSite(call?.callee ?? DistributedJob.prototype.start);
      throw new TransactionRequiredError(gid, where, call?.opening);
    }
    if (this.warned) return;
    this.warned = true;
    this.logger.warn(
      `Job ${gid} was started outside any transaction. If that is meant, say ${call?.opening ?? 'createJob('}{ transaction: 'none' }). ` +
        'This warning is given once per process.',
    );
  }
}
