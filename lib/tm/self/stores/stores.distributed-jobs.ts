import { checkGid } from '../../../core/jobs/gid.js';
import { DistributedJobs, type JobsFeature } from '../../../core/jobs/distributed-jobs.js';
import { checkCountFilter, checkJobFilter } from '../../../core/jobs/job-filter.js';
import type { JobFilter, JobInfo, JobPage, RecoveryState } from '../../../core/jobs/job-info.js';
import type {
  AuditFilter,
  AuditPage,
  BulkOptions,
  BulkResult,
  BulkRetryOptions,
  JobExplanation,
  RetryJobOptions,
  SkipStepOptions,
} from '../../../core/jobs/job-operations.js';
import { checkAuditFilter, DEFAULT_BULK_LIMIT } from '../../../core/jobs/steering-options.js';
import type { ActionNote } from '../../../core/operations/action-note.js';
import type { BoundedCount } from '../../../core/operations/fleet-numbers.js';
import {
  AmbiguousJobError,
  InvalidOptionError,
  JobNotFoundError,
  TransactionManagerUnavailableError,
  type SteppingError,
} from '../../../errors/index.js';
import { decodeLookup } from '../job-lookup.js';
import type { SelfTmRuntime } from '../self-tm.runtime.js';
import { askAll, missingOf, type KeptStore } from './kept-store.js';
import { auditCursor, auditPlaces, mergedAudit, mergedJobs } from './merged-pages.js';

/** `DistributedJobs` over several stores. */
export class StoresDistributedJobs extends DistributedJobs {
  constructor(private readonly stores: readonly KeptStore[]) {
    super();
  }

  async find(gid: string): Promise<JobInfo | null> {
    const found = await this.locate(gid, ({ jobs }) => jobs.find(gid));
    return found ? { ...found.job, dataSource: found.store.name } : null;
  }

  async list(filter: JobFilter = {}): Promise<JobPage> {
    const { limit } = checkJobFilter(filter);
    const asked = await askAll(this.stores, (store) => store.jobs.list(filter));
    const pages = asked.answers.map(({ store, value }) => ({ dataSource: store.name, page: value }));
    return { ...mergedJobs(pages, limit), ...missingOf(asked) };
  }

  override async count(filter: JobFilter = {}): Promise<BoundedCount> {
    const { limit } = checkCountFilter(filter);
    const { answers, errors } = await askAll(this.stores, (store) => store.jobs.count(filter));
    const count = answers.reduce((sum, { value }) => sum + value.count, 0);
    const more = count > limit || errors.length > 0 || answers.some(({ value }) => value.more);
    return { count: Math.min(count, limit), more };
  }

  async retry(gid: string, options?: RetryJobOptions): Promise<void> {
    await this.at(gid, ({ jobs }) => jobs.retry(gid, options));
  }

  async cancel(gid: string, note?: ActionNote): Promise<void> {
    await this.at(gid, ({ jobs }) => jobs.cancel(gid, note));
  }

  override async skip(gid: string, options: SkipStepOptions): Promise<void> {
    await this.at(gid, ({ jobs }) => jobs.skip(gid, options));
  }

  override async explain(gid: string): Promise<JobExplanation> {
    return this.at(gid, ({ jobs }) => jobs.explain(gid));
  }

  override async retryAll(filter: JobFilter, options: BulkRetryOptions): Promise<BulkResult> {
    return this.bulk(options, ({ jobs }, limited) => jobs.retryAll(filter, limited));
  }

  override async cancelAll(filter: JobFilter, options: BulkOptions): Promise<BulkResult> {
    return this.bulk(options, ({ jobs }, limited) => jobs.cancelAll(filter, limited));
  }

  override async audit(filter: AuditFilter = {}): Promise<AuditPage> {
    const { cursor, ...conditions } = filter;
    const { limit } = checkAuditFilter(conditions);
    const places = auditPlaces(cursor, this.stores.length);
    if (!places) throw new InvalidOptionError('filter.cursor', cursor, "the 'cursor' of the page before");
    const asked = this.stores.filter((_, at) => auditCursor(places[at]!) !== undefined);
    const found = await askAll(asked, (store) =>
      store.jobs.audit({ ...conditions, ...auditCursor(places[this.stores.indexOf(store)]!) }),
    );
    const pages = new Map(found.answers.map(({ store, value }) => [this.stores.indexOf(store), value]));
    return { ...mergedAudit(places, pages, limit), ...missingOf(found) };
  }

  /** That of the store that was reached last: a process is alive while it recovers in one of them. */
  recovery(): RecoveryState {
    const states = this.stores.map(({ jobs }) => jobs.recovery());
    const timeOf = ({ lastRunAt }: RecoveryState) => lastRunAt?.getTime() ?? -Infinity;
    return states.reduce((a, b) => (timeOf(b) > timeOf(a) ? b : a));
  }

  /** @internal */
  override refusalOf(feature: JobsFeature): SteppingError | undefined {
    return this.stores[0]!.jobs.refusalOf(feature);
  }

  private async at<T>(gid: string, work: (store: KeptStore) => Promise<T>): Promise<T> {
    const found = await this.locate(gid, (_, { store }) => store.find(gid));
    if (!found) throw new JobNotFoundError(gid);
    return found.store.ask(() => work(found.store));
  }

  /**
   * The store that keeps the job. A gid of the caller's own may be in several; whether it is cannot be told while one of them is away.
   *
   * @throws AmbiguousJobError; TransactionManagerUnavailableError.
   */
  private async locate<Job>(
    gid: string,
    read: (store: KeptStore, runtime: SelfTmRuntime) => Promise<Job | null>,
  ): Promise<{ readonly store: KeptStore; readonly job: Job } | undefined> {
    checkGid(gid);
    const { answers, errors } = await askAll(this.stores, read);
    const found = answers.flatMap(({ store, value }) => (value ? [{ store, job: value }] : []));
    if (found.length > 1)
      throw new AmbiguousJobError(
        gid,
        found.map(({ store }) => store.name),
      );
    const [only] = found;
    if (errors.length > 0 && (!only || (await isOfCaller(only.store, gid)))) throw errors[0]!.error;
    return only;
  }

  /** One store after the other, so that the limit is kept. */
  private async bulk<Options extends BulkOptions>(
    options: Options,
    work: (store: KeptStore, limited: Options) => Promise<BulkResult>,
  ): Promise<BulkResult> {
    // The first one checks the limit.
    let left = options?.limit ?? DEFAULT_BULK_LIMIT;
    const sum = { matched: 0, changed: 0, more: false };
    const errors: { store: KeptStore; error: unknown }[] = [];
    for (const store of this.stores) {
      // Behind the limit, it is only asked whether there are more.
      const limited = left > 0 ? { ...options, limit: left } : { ...options, limit: 1, dryRun: true };
      try {
        const { matched, changed, more } = await store.ask(() => work(store, limited));
        sum.more ||= more || (left <= 0 && matched > 0);
        if (left > 0) sum.matched += matched;
        sum.changed += changed;
        left -= matched;
      } catch (error) {
        if (!(error instanceof TransactionManagerUnavailableError)) throw error;
        errors.push({ store, error });
      }
    }
    if (errors.length === this.stores.length) throw errors[0]!.error;
    return { ...sum, ...missingOf({ errors }) };
  }
}

/** Whether the gid is the caller's own. What cannot be read may be anybody's. */
async function isOfCaller(store: KeptStore, gid: string): Promise<boolean> {
  const record = await store.ask((runtime) => runtime.store.find(gid));
  try {
    return record?.lookup != null && decodeLookup(record.lookup).barrierGid !== undefined;
  } catch {
    return true;
  }
}
