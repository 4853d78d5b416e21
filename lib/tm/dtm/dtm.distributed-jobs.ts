import type { SteppingEventBus } from '../../core/events/event-bus.js';
import { checkJobFilter } from '../../core/jobs/job-filter.js';
import type { RetryJobOptions } from '../../core/jobs/job-operations.js';
import { checkNote, checkRetry } from '../../core/jobs/steering-options.js';
import type { ActionNote } from '../../core/operations/action-note.js';
import { readableJobs } from '../../core/payloads/job-payloads.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { DistributedJobs, type JobsFeature } from '../../core/jobs/distributed-jobs.js';
import type { RecoveryState, JobFilter, JobInfo, JobPage, JobStatus } from '../../core/jobs/job-info.js';
import { checkGid } from '../../core/jobs/gid.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { JobNotFoundError, JobStateError } from '../../errors/index.js';
import type { DtmAdminClient } from './dtm-admin.client.js';
import type { DtmJob, DtmTransaction } from './dtm-job.js';
import type { DtmClient, DtmStatus } from './dtm.client.js';
import { DtmRequestRefusedError, DtmUnsupportedError } from './dtm.errors.js';
import { jobInfoOf } from './dtm-job-info.mapper.js';
import type { OwnJobs } from './own-jobs.js';
import type { PreparedQuery } from './query-token.js';
import { toWireGid } from './wire-gid.js';

/** DTM's name for a status; several of the library's may share one. */
const STATUS: Readonly<Record<JobStatus, DtmStatus | undefined>> = {
  prepared: 'prepared',
  submitted: 'submitted',
  succeeded: 'succeed',
  failed: undefined,
  rolledBack: 'failed',
  canceled: 'failed',
};
/** What is not possible, and what to do instead. */
const UNSUPPORTED: Readonly<Record<JobsFeature, readonly [what: string, advice: string]>> = {
  search: ['Looking for failed attempts and texts', "Filter by 'status', 'name' and times."],
  byStep: ['A list of jobs by their step', "List by 'status' and look at the steps."],
  edit: ['Giving a step new arguments', 'Cancel the job, and start another one.'],
  explain: [
    'Explaining why a job does not run',
    'Look at find() of the job, and at the log of the DTM server.',
  ],
  count: ['Counting jobs', 'Go through the pages of list().'],
  skip: ['Skipping a step', 'Cancel the job, and start another one without it.'],
  retryAll: ['Retrying many jobs', 'Retry those of list() one by one.'],
  cancelAll: ['Canceling many jobs', 'Cancel those of list() one by one.'],
  audit: ['The audit', 'DTM keeps nothing of who has done what.'],
};
/** How many jobs of a page are looked up at once. */
const AT_ONCE = 8;

/**
 * `DistributedJobs` over DTM's HTTP API, as far as that goes. A job never is `failed` there: DTM repeats steps
 * without end.
 *
 * Several services may use one DTM server. Jobs whose query-back does not come to this application, signed by one of its
 * secrets, are not there.
 */
export class DtmDistributedJobs extends DistributedJobs {
  constructor(
    private readonly admin: DtmAdminClient,
    private readonly own: OwnJobs,
    private readonly databases: TypeOrmDatabases,
    private readonly client: DtmClient,
    private readonly payloads: Payloads,
    private readonly events: SteppingEventBus,
  ) {
    super();
  }

  async find(gid: string): Promise<JobInfo | null> {
    const stored = await this.findStored(toWireGid(checkGid(gid)));
    return stored && (await readableJobs(this.payloads, [stored]))[0]!;
  }

  /**
   * Page by page, newest first or as DTM's store has them. A page may hold fewer jobs than `limit`: what DTM
   * cannot filter by is filtered here.
   *
   * @throws DtmUnsupportedError for a filter by step, failed attempts, errors or arguments.
   */
  async list(filter: JobFilter = {}): Promise<JobPage> {
    const checked = checkJobFilter(filter);
    const { status, name, step, failing, error, args } = checked;
    if (failing !== undefined || error !== undefined || args !== undefined) throw this.refusalOf('search');
    if (step !== undefined) throw this.refusalOf('byStep');
    const wanted = status === undefined ? undefined : new Set(status);
    const atDtm = wanted && new Set([...wanted].flatMap((one) => STATUS[one] ?? []));
    if (atDtm?.size === 0) return { jobs: [] };
    const only = atDtm?.size === 1 ? [...atDtm][0] : undefined;
    const { transactions, next } = await this.admin.list(checked, only);
    const candidates = transactions.filter(
      (transaction) => this.own.queryOf(transaction) && (!atDtm || atDtm.has(transaction.status)),
    );
    const found = await this.lookUp(candidates);
    const jobs = found.filter(
      (job) => (!wanted || wanted.has(job.status)) && (name === undefined || job.name === name),
    );
    const shown = await readableJobs(this.payloads, jobs, checked.includeArgs);
    return next === undefined ? { jobs: shown } : { jobs: shown, cursor: next };
  }

  /**
   * Lets an unfinished job go on now, instead of when its wait is over. DTM's boltdb store ignores it. Who does it and why is checked,
   * and not kept.
   *
   * @throws DtmUnsupportedError for new arguments.
   */
  async retry(gid: string, options: RetryJobOptions = {}): Promise<void> {
    if (checkRetry(options).args !== undefined) throw this.refusalOf('edit');
    await this.change(gid, 'retry');
  }

  /** Ends the job by force: DTM calls no further step. A step that runs is not interrupted. */
  async cancel(gid: string, note: ActionNote = {}): Promise<void> {
    checkNote(note);
    await this.change(gid, 'cancel');
    this.events.emit({ event: 'job.canceled', gid });
  }

  override async count(): Promise<never> {
    throw this.refusalOf('count');
  }

  override async explain(): Promise<never> {
    throw this.refusalOf('explain');
  }

  override async skip(): Promise<never> {
    throw this.refusalOf('skip');
  }

  override async retryAll(): Promise<never> {
    throw this.refusalOf('retryAll');
  }

  override async cancelAll(): Promise<never> {
    throw this.refusalOf('cancelAll');
  }

  override async audit(): Promise<never> {
    throw this.refusalOf('audit');
  }

  /** @internal */
  override get retries(): 'submitted' {
    return 'submitted';
  }

  /** @internal */
  override refusalOf(feature: JobsFeature): DtmUnsupportedError {
    return new DtmUnsupportedError(...UNSUPPORTED[feature]);
  }

  recovery(): RecoveryState {
    return this.client.contact;
  }

  private async change(gid: string, action: 'retry' | 'cancel'): Promise<void> {
    const how = action === 'retry' ? 'resetNextCronTime' : 'forceStop';
    const job = await this.find(gid);
    if (!job) throw new JobNotFoundError(gid);
    if (job.status !== 'submitted') throw new JobStateError(gid, action, job.status);
    const objection = await this.admin.change(how, toWireGid(gid));
    if (objection !== undefined) throw new DtmRequestRefusedError(gid, action, objection);
  }

  private async lookUp(transactions: readonly DtmTransaction[]): Promise<JobInfo[]> {
    const found: JobInfo[] = [];
    for (let from = 0; from < transactions.length; from += AT_ONCE) {
      const batch = transactions.slice(from, from + AT_ONCE);
      const jobs = await Promise.all(batch.map(({ gid }) => this.findStored(gid)));
      found.push(...jobs.filter((job) => job !== null));
    }
    return found;
  }

  /** As DTM has it: nothing is decoded. */
  private async findStored(wireGid: string): Promise<JobInfo | null> {
    const job = await this.admin.find(wireGid);
    const query = job && this.own.queryOf(job.transaction);
    return query ? this.infoOf(job, query) : null;
  }

  private async infoOf(job: DtmJob, query: PreparedQuery): Promise<JobInfo> {
    const failed = job.transaction.status === 'failed' && (await this.wasCommitted(job, query));
    return jobInfoOf(job, this.own, failed ? 'canceled' : 'rolledBack');
  }

  /** A job that failed at DTM although its transaction was committed was stopped by force. */
  private async wasCommitted({ transaction, branches }: DtmJob, query: PreparedQuery): Promise<boolean> {
    if (branches.some(({ op, status }) => op === 'action' && status === 'succeed')) return true;
    if (!query.database) return true;
    try {
      return await this.databases.isCommitted(query.database, transaction.gid);
    } catch {
      // The job can be read even while its database is away.
      return false;
    }
  }
}
