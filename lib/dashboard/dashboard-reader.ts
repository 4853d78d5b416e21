import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { JobFilter } from '../core/jobs/job-info.js';
import { AUDIT_ACTIONS } from '../core/jobs/job-operations.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import { VERSION } from '../core/version.js';
import { JobNotFoundError } from '../errors/index.js';
import type {
  AuditAnswer,
  CountAnswer,
  JobAnswer,
  JobsAnswer,
  OverviewAnswer,
  ProcessesAnswer,
  Range,
  SessionAnswer,
  StepsAnswer,
  TimelineAnswer,
} from './api.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';
import { refuseUnseen, unavailableFeatures } from './features.js';
import { FleetView } from './fleet-view.js';
import { JobSearch } from './job-search.js';
import { CONDITIONS, filterOf, gid, given, PAGE, stepName } from './jobs-query.js';
import { Mask } from './mask.js';
import { PartReader } from './part-reader.js';
import { digits, oneOf, readQuery, required, text } from './request-fields.js';
import { ShownData } from './shown-data.js';
import { Turns } from './turns.js';
import type { Viewer } from './viewer.js';
import { wire } from './wire.js';

/** Parameters as the framework has parsed them: whatever somebody has sent. */
export type Query = Readonly<Record<string, unknown>>;

const DEFAULT_PAGE = 50;
const MAX_ENTRIES = 1000;
/** Of a job, what was done by hand. */
const ENTRIES_OF_JOB = 50;
/** How many jobs one request looks through for a text. */
const SEARCHED_JOBS = 5_000;
/** And for how long: jobs may be megabytes. */
const SEARCH_MS = 5_000;
const SEARCH = { lookedAt: SEARCHED_JOBS, forMs: SEARCH_MS };
/** Each may need two connections. */
const READS_AT_ONCE = 2;

const RANGE = oneOf<Range>('1h', '24h', '7d');
const ARGS = { args: oneOf('true', 'false') };
const AUDIT = {
  ...ARGS,
  gid,
  step: stepName,
  action: oneOf(...AUDIT_ACTIONS),
  by: text(255),
  cursor: PAGE.cursor,
  limit: digits(1, MAX_ENTRIES),
};

/**
 * Answers what the page asks. Whatever leaves it is masked, arguments are there only where the application shows them, and nothing is asked of
 * the store without a bound.
 *
 * Queries that cannot be are refused with a `DashboardRequestError`; errors of the library pass through.
 */
export class DashboardReader {
  private readonly fleet: FleetView;
  private readonly shown: ShownData;
  private readonly search: JobSearch;
  private readonly parts = new PartReader();
  private readonly turns = new Turns(READS_AT_ONCE);

  constructor(
    private readonly jobsOfStore: DistributedJobs,
    private readonly operations: SteppingOperations,
    private readonly options: ResolvedDashboardOptions,
  ) {
    const mask = new Mask(options.mask);
    this.fleet = new FleetView(operations, mask);
    this.shown = new ShownData(mask);
    this.search = new JobSearch(jobsOfStore, this.shown);
  }

  async session({ actor, actions }: Viewer): Promise<SessionAnswer> {
    const { title, environment, refreshMs, showArguments } = this.options;
    const unavailable = unavailableFeatures(this.jobsOfStore, this.operations, this.options);
    const { retries } = this.jobsOfStore;
    return {
      ...{ version: VERSION, title, environment, refreshMs, actor, actions },
      ...{ showArguments, unavailable, retries },
    };
  }

  overview(): Promise<OverviewAnswer> {
    return this.fleet.overview();
  }

  async timeline(query: Query): Promise<TimelineAnswer> {
    const { range = '1h', step } = readQuery(query, { range: RANGE, step: stepName });
    return this.fleet.timeline(range, step);
  }

  async steps(query: Query): Promise<StepsAnswer> {
    const { range = '1h' } = readQuery(query, { range: RANGE });
    return this.fleet.steps(range);
  }

  processes(): Promise<ProcessesAnswer> {
    return this.fleet.processes();
  }

  /** With `error` or `args`, one request looks at the next 5,000 jobs, or for five seconds: a page may be empty, and still have a cursor. */
  async jobs(query: Query): Promise<JobsAnswer> {
    const { cursor, limit = DEFAULT_PAGE, ...conditions } = readQuery(query, { ...CONDITIONS, ...PAGE });
    const filter = this.checked(filterOf(conditions));
    const page = JobSearch.isFor(filter)
      ? await this.search.find(filter, { ...SEARCH, cursor, enough: limit })
      : await this.turns.take(() => this.jobsOfStore.list({ ...filter, limit, ...given({ cursor }) }));
    const jobs = page.jobs.map((job) => this.shown.job(job, false));
    return { jobs, ...given({ cursor: page.cursor }), ...this.shown.missing(page) };
  }

  /** With `error` or `args`, of those that the first page of `jobs()` looks at. */
  async count(query: Query): Promise<CountAnswer> {
    const filter = this.checked(filterOf(readQuery(query, CONDITIONS)));
    if (!JobSearch.isFor(filter)) return this.turns.take(() => this.jobsOfStore.count(filter));
    const found = await this.search.find(filter, { ...SEARCH, enough: SEARCHED_JOBS });
    return { count: found.jobs.length, more: found.cursor !== undefined };
  }

  /** @throws JobNotFoundError. */
  async job(query: Query): Promise<JobAnswer> {
    const asked = readQuery(query, { ...ARGS, gid: required(gid) });
    return this.turns.take(() => this.oneJob(asked.gid, this.showsArgs(asked.args)));
  }

  async audit(query: Query): Promise<AuditAnswer> {
    const { args, ...filter } = readQuery(query, AUDIT);
    const page = await this.turns.take(() => this.jobsOfStore.audit(given(filter)));
    const entries = page.entries.map((entry) => this.shown.entry(entry, this.showsArgs(args)));
    return { entries, ...given({ cursor: page.cursor }), ...this.shown.missing(page) };
  }

  private async oneJob(id: string, withArgs: boolean): Promise<JobAnswer> {
    const job = await this.jobsOfStore.find(id);
    if (!job) throw new JobNotFoundError(id);
    const [explanation, audit, runningSince] = await Promise.all([
      this.parts.read('why a job does not run', () => this.jobsOfStore.explain(id)),
      this.parts.read('the audit of a job', () => this.jobsOfStore.audit({ gid: id, limit: ENTRIES_OF_JOB })),
      job.status === 'submitted' ? this.fleet.runningSince(id) : null,
    ]);
    return {
      job: this.shown.job(job, withArgs),
      explanation: explanation.value && this.shown.explanation(explanation.value),
      audit: (audit.value?.entries ?? []).map((entry) => this.shown.entry(entry, withArgs)),
      runningSince: wire(runningSince),
      masked: withArgs && this.shown.hidesArgs(job),
    };
  }

  private showsArgs(asked: 'true' | 'false' | undefined): boolean {
    const { showArguments } = this.options;
    return showArguments === 'always' || (showArguments === 'click' && asked === 'true');
  }

  private checked(filter: JobFilter): JobFilter {
    refuseUnseen(filter, this.options);
    return filter;
  }
}
