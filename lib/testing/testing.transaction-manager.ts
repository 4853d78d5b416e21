import type { JobInfo, JobStatus } from '../core/jobs/job-info.js';
import type { JobMessage } from '../core/jobs/job-message.js';
import { readableJobs } from '../core/payloads/job-payloads.js';
import type { StepDefinition } from '../core/steps/step-definition.js';
import type { StepRegistry } from '../core/steps/step.registry.js';
import type { SubmittedJob } from '../core/transaction-manager.js';
import type { TransactionContext } from '../core/transactions/transaction-context.js';
import { SteppingNotReadyError } from '../errors/index.js';
import type { JobRecord, JobStore } from '../store/job-store.js';
import { jobInfoOf } from '../tm/self/job-info.mapper.js';
import type { SelfPreparedJob } from '../tm/self/started-job.js';
import { SelfTransactionManager } from '../tm/self/self.transaction-manager.js';
import type { ResolvedSelfTmOptions } from '../tm/self/self-tm.options.js';
import type { SelfTmRuntime, SelfTmServices } from '../tm/self/self-tm.runtime.js';
import { TypeOrmTransactionContext } from '../transactions/typeorm.transaction-context.js';
import type { OpenStore } from '../tm/self/store-opener.js';
import { describeJob } from './job-expectation.js';
import { TestingUsageError } from './testing.errors.js';
import { PlannedFailures, TestProcess } from './test-process.js';

/** Rows of one page, where all jobs are gone through. */
const PAGE = 500;

/** What the application tells the manager, and is told. */
export interface TestedApplication {
  /** Whether its own transaction manager would keep jobs beyond the process. */
  readonly durable: () => boolean;
  /** Resolves when every transaction that has ended has been told to the transaction manager. */
  readonly settled: () => Promise<void>;
  /** The application shuts down. */
  readonly onStop: () => void;
}

/**
 * The transaction manager of an application under test: the self-TM, as one process after the other on a store that
 * stays.
 */
export class TestingTransactionManager extends SelfTransactionManager {
  readonly failures = new PlannedFailures();
  private process: TestProcess | undefined;
  private stopped = false;

  constructor(
    options: ResolvedSelfTmOptions,
    services: SelfTmServices,
    private readonly application: TestedApplication,
  ) {
    super(options, services, true);
  }

  /** A job that the application would refuse in production is refused in its tests. */
  override get durable(): boolean {
    return this.application.durable();
  }

  override get isReady(): boolean {
    return super.isReady && !this.stopped;
  }

  get registry(): StepRegistry {
    return this.services.registry;
  }

  /** Steps run when the test says so. */
  override async start(): Promise<void> {}

  override async stop(): Promise<void> {
    this.stopped = true;
    this.application.onStop();
    await this.process?.kill();
  }

  /** The application may have settings for the transaction manager that it has in production. */
  override async prepare(message: JobMessage, transaction: TransactionContext): Promise<SelfPreparedJob> {
    const isSavepoint = transaction instanceof TypeOrmTransactionContext && transaction.commitDepth > 1;
    if (isSavepoint && this.options.store !== 'memory') {
      throw new TestingUsageError(
        'A transaction around the test is never committed, so that drain() cannot see jobs that are kept in the database ' +
          "within it. Keep them in memory: new SteppingTesting({ store: 'memory' }).",
      );
    }
    return super.prepare({ ...message, settings: undefined }, transaction);
  }

  override async submit(message: JobMessage, prepared?: SelfPreparedJob): Promise<SubmittedJob | void> {
    // After a commit nobody waits for an answer, and a dead process gives none.
    if (prepared && this.process?.severed) return;
    return super.submit({ ...message, settings: undefined }, prepared);
  }

  override async abort(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    if (!this.process?.severed) await super.abort(message, prepared);
  }

  override async inDoubt(message: JobMessage, prepared: SelfPreparedJob): Promise<void> {
    if (!this.process?.severed) await super.inDoubt(message, prepared);
  }

  /** @throws ProcessCrashedError for whoever goes on after the crash. */
  override async runtime(): Promise<SelfTmRuntime> {
    const { runtime, severed } = await this.current();
    if (severed) throw severed;
    return runtime;
  }

  /** The process that runs, or has crashed. */
  async current(): Promise<TestProcess> {
    const open = await this.openStore();
    return (this.process ??= new TestProcess(open, this.options, this.services, this.failures));
  }

  /** The jobs as a process beside this one sees them. */
  async store(): Promise<JobStore> {
    return (await this.openStore()).store;
  }

  settled(): Promise<void> {
    return this.application.settled();
  }

  /** All jobs of the store, oldest first, once all transactions that have ended are told. */
  async allJobs(): Promise<JobInfo[]> {
    await this.settled();
    const jobs = await this.readable(await allRecords(await this.store()));
    // Jobs of one millisecond stay in an order that is the same in every run.
    const key = (job: JobInfo): string => describeJob(job);
    return jobs.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (key(a) < key(b) ? -1 : 1));
  }

  /** What users see of stored jobs. */
  readable(records: readonly JobRecord[]): Promise<JobInfo[]> {
    return readableJobs(this.services.payloads, records.map(jobInfoOf));
  }

  /** The step that the job runs at this moment. */
  stepOf(gid: string): StepDefinition | undefined {
    return this.process?.stepOf(gid);
  }

  /** Another process takes the place of this one, whose leases are over. */
  async restart(): Promise<void> {
    await (await this.current()).kill();
    await this.settled();
    await endLeases(await this.store());
    this.process = undefined;
    await this.current();
  }

  protected override async openStore(): Promise<OpenStore> {
    if (this.stopped) throw new SteppingNotReadyError();
    return super.openStore();
  }
}

async function allRecords(
  store: JobStore,
  filter: { status?: readonly JobStatus[] } = {},
): Promise<JobRecord[]> {
  const records: JobRecord[] = [];
  for (;;) {
    const before = records.at(-1)?.gid;
    const page = await store.list({ limit: PAGE, ...filter, ...(before !== undefined && { before }) });
    records.push(...page.jobs);
    if (!page.more) return records;
  }
}

/** Makes every job due that somebody holds, as the end of its lease does. */
async function endLeases(store: JobStore): Promise<void> {
  for (const record of await allRecords(store, { status: ['submitted', 'prepared'] })) {
    const { gid, owner, status, attemptLog, stepIndex, stepName, attempts, mark, crashes, error } = record;
    if (owner === null) continue;
    if (status === 'prepared') {
      await store.changePrepared([{ gid, owner, status: 'prepared', due: 0, release: false }]);
    } else {
      const progress = { atStep: stepIndex, stepIndex, stepName, attempts, mark, crashes, attemptLog, error };
      await store.change([{ gid, owner, status: 'submitted', ...progress, due: 0, release: false }]);
    }
  }
}
