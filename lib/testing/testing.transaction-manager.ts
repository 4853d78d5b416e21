import type { RecoveryState } from '../core/jobs/distributed-jobs.js';
import type { JobInfo } from '../core/jobs/job-info.js';
import type { JobMessage } from '../core/jobs/job-message.js';
import type { JobStatus } from '../core/jobs/job-status.js';
import type { StepDefinition } from '../core/steps/step-definition.js';
import type { StepRegistry } from '../core/steps/step.registry.js';
import type { TransactionContext } from '../core/transactions/transaction-context.js';
import { TransactionManager, type PreparedJob } from '../core/transaction-manager.js';
import type { TypeOrmDatabases } from '../transactions/typeorm-databases.js';
import { SteppingNotReadyError } from '../errors/index.js';
import type { JobRecord, JobStore } from '../store/job-store.js';
import { jobInfoOf } from '../tm/self/job-info.mapper.js';
import type { JobDesk } from '../tm/self/self.distributed-jobs.js';
import type { ResolvedSelfTmOptions } from '../tm/self/self-tm.options.js';
import type { SelfTmRuntime, SelfTmServices } from '../tm/self/self-tm.runtime.js';
import { openStore, type OpenStore } from '../tm/self/store-opener.js';
import { describeJob } from './job-expectation.js';
import { PlannedFailures } from './planned-failures.js';
import { TestProcess } from './test-process.js';

/** Rows of one page, where all jobs are gone through. */
const PAGE = 500;

/** What the application tells the manager, and is told. */
export interface TestedApplication {
  /** Resolves when every transaction that has ended has been told to the transaction manager. */
  readonly settled: () => Promise<void>;
  /** The application shuts down. */
  readonly onStop: () => void;
}

/**
 * The transaction manager of an application under test: the self-TM, as one process after the other on a store that
 * stays.
 */
export class TestingTransactionManager extends TransactionManager implements JobDesk {
  readonly failures = new PlannedFailures();
  readonly recoveryState: RecoveryState = { lastRunAt: null, error: null };
  private opening: Promise<OpenStore> | undefined;
  private process: TestProcess | undefined;
  private ready = false;

  constructor(
    private readonly options: ResolvedSelfTmOptions,
    private readonly databases: TypeOrmDatabases,
    private readonly services: SelfTmServices,
    private readonly application: TestedApplication,
  ) {
    super();
  }

  get isReady(): boolean {
    return this.ready;
  }

  get registry(): StepRegistry {
    return this.services.registry;
  }

  override async initialize(): Promise<void> {
    this.ready = true;
    const { registry } = this.databases;
    // A DataSource that the application initializes in a hook of its own is opened with its first job.
    const waits = this.options.store === 'typeorm' && !registry.get(this.options.dataSource).isInitialized;
    if (!waits) await this.current();
  }

  override async stop(): Promise<void> {
    this.ready = false;
    this.application.onStop();
    await this.process?.kill();
  }

  override async prepare(message: JobMessage, transaction: TransactionContext): Promise<PreparedJob> {
    const { manager } = await this.runtime();
    return manager.prepare(message, transaction);
  }

  override async submit(message: JobMessage, prepared?: PreparedJob): Promise<void> {
    // After a commit nobody waits for an answer, and a dead process gives none.
    if (prepared && this.process?.severed) return;
    const { manager } = await this.runtime();
    return manager.submit(message, prepared as never);
  }

  override async abort(message: JobMessage, prepared: PreparedJob): Promise<void> {
    await this.process?.runtime.manager.abort(message, prepared as never);
  }

  override async inDoubt(message: JobMessage, prepared: PreparedJob): Promise<void> {
    if (!this.process?.severed) await this.process?.runtime.manager.inDoubt(message, prepared as never);
  }

  /** @throws ProcessCrashedError for whoever goes on after the crash. */
  async runtime(): Promise<SelfTmRuntime> {
    const { runtime, severed } = await this.current();
    if (severed) throw severed;
    return runtime;
  }

  /** The process that runs, or has crashed. */
  async current(): Promise<TestProcess> {
    const open = await this.open();
    return (this.process ??= new TestProcess(open, this.options, this.services, this.failures));
  }

  /** The jobs as a process beside this one sees them. */
  async store(): Promise<JobStore> {
    return (await this.open()).store;
  }

  settled(): Promise<void> {
    return this.application.settled();
  }

  /** All jobs of the store, oldest first, once all transactions that have ended are told. */
  async allJobs(): Promise<JobInfo[]> {
    await this.settled();
    const jobs = (await allRecords(await this.store(), undefined)).map(jobInfoOf);
    // Jobs of one millisecond stay in an order that is the same in every run.
    const key = (job: JobInfo): string => describeJob(job);
    return jobs.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (key(a) < key(b) ? -1 : 1));
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

  private async open(): Promise<OpenStore> {
    if (!this.ready) throw new SteppingNotReadyError();
    this.opening ??= openStore(this.options, this.databases, true);
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }
}

async function allRecords(store: JobStore, status: readonly JobStatus[] | undefined): Promise<JobRecord[]> {
  const records: JobRecord[] = [];
  for (;;) {
    const before = records.at(-1)?.gid;
    const page = await store.list({
      limit: PAGE,
      ...(status && { status }),
      ...(before !== undefined && { before }),
    });
    records.push(...page);
    if (page.length < PAGE) return records;
  }
}

/** Makes every job due that somebody holds, as the end of its lease does. */
async function endLeases(store: JobStore): Promise<void> {
  for (const record of await allRecords(store, ['submitted', 'prepared'])) {
    const { gid, owner, status, attemptLog, stepIndex, stepName, attempts, error } = record;
    if (owner === null) continue;
    if (status === 'prepared') {
      await store.changePrepared([{ gid, owner, status: 'prepared', due: 0, release: false }]);
    } else {
      const place = { atStep: stepIndex, stepIndex, stepName, attempts, attemptLog, error };
      await store.change([{ gid, owner, status: 'submitted', ...place, due: 0, release: false }]);
    }
  }
}
