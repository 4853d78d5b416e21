import { Logger } from '@nestjs/common';
import type { JobInfo } from '../../core/jobs/job-info.js';
import type { ResolvedRetryPolicy } from '../../core/steps/retry-policy.js';
import { resolveRetryPolicy } from '../../core/steps/retry-policy.js';
import type { StepArgumentsSerializer } from '../../core/steps/step-arguments.serializer.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';
import { StepExecutor } from '../../core/steps/step.executor.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import { insideTransactionOf } from '../../transactions/ambient-transaction.js';
import { TransactionalStepRunner } from '../../transactions/transactional-step.runner.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import type { LeasedJob } from './leased-job.js';
import { JobRun, type AttemptInterceptor, type JobRunServices } from './job-run.js';
import { jobInfoOf } from './job-info.mapper.js';
import { JobRunner } from './job-runner.js';
import { JobWaker } from './job-waker.js';
import { LeaseKeeper } from './lease-keeper.js';
import { OwnerTokens } from './owner-tokens.js';
import { PreparedJobs } from './prepared-jobs.js';
import { JobCompleter } from './job-completer.js';
import type { RecoverySchedule } from './recovery-schedule.js';
import { JobPoller } from './job-poller.js';
import { RetentionService } from './retention.service.js';
import { JobStarter } from './job-starter.js';
import { SelfTransactionalSteps } from './self-transactional-steps.js';
import type { ResolvedSelfTmOptions } from './self-tm.options.js';
import type { OpenStore } from './store-opener.js';
import { UnknownStepReporter } from './unknown-step.reporter.js';

/** How often ended jobs are swept and unknown steps are looked for. */
const HOUSEKEEPING_MS = 60_000;

export interface SelfTmServices {
  readonly registry: StepRegistry;
  readonly serializer: StepArgumentsSerializer;
  readonly databases: TypeOrmDatabases;
  readonly retry: ResolvedRetryPolicy;
  readonly onJobFailed: ((job: JobInfo, error: unknown) => unknown) | undefined;
  readonly schedule: RecoverySchedule;
  readonly aroundAttempt?: AttemptInterceptor;
}

/** The parts of the self-TM, put together for one store. */
export class SelfTmRuntime {
  private readonly logger = new Logger('SelfTransactionManager');
  readonly waker = new JobWaker();
  readonly leases: LeaseKeeper;
  readonly recovery: JobPoller;
  readonly manager: JobStarter;
  readonly writer: JobCompleter;
  readonly prepared: PreparedJobs;
  readonly retention: RetentionService;
  private readonly runner: JobRunner;
  private readonly runServices: JobRunServices;
  private readonly unknownSteps: UnknownStepReporter;
  private readonly policies = new Map<StepDefinition, ResolvedRetryPolicy>();
  private housekeepingAt = 0;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly open: OpenStore,
    private readonly options: ResolvedSelfTmOptions,
    private readonly services: SelfTmServices,
  ) {
    const { store, dataSource } = open;
    const { registry, databases } = services;
    this.leases = new LeaseKeeper(store, new OwnerTokens(), options.leaseDuration);
    this.writer = new JobCompleter(store, this.leases);
    const executor = new StepExecutor(services.serializer, options.gracePeriod);
    const transactional = new SelfTransactionalSteps(
      new TransactionalStepRunner(executor, databases),
      store,
      this.leases,
      databases,
      dataSource,
    );
    const wakeIn = (delay: number) => this.waker.wake(delay);
    this.runServices = {
      registry,
      executor,
      transactional,
      leases: this.leases,
      writer: this.writer,
      retryPolicyOf: (definition: StepDefinition) => this.policyOf(definition),
      onDelayed: wakeIn,
      onHandedBack: () => wakeIn(0),
      onFailed: (gid: string, error: unknown) => this.reportFailed(gid, error),
      aroundAttempt: services.aroundAttempt,
    };
    const runOf = (job: LeasedJob) => this.runOf(job);
    this.runner = new JobRunner(this.leases, this.writer, runOf, options.concurrency, options.runSteps);
    this.prepared = new PreparedJobs(store, databases, this.waker, options.queryPreparedAfter);
    this.recovery = new JobPoller(store, this.leases, this.runner, registry, this.prepared);
    this.retention = new RetentionService(store, databases, options.retention);
    this.unknownSteps = new UnknownStepReporter(store, registry);
    this.manager = new JobStarter(store, this.leases, this.runner, this.waker, registry, {
      dataSource,
      queryPreparedAfter: options.queryPreparedAfter,
      insideOwnTransaction: () => open.serial && insideTransactionOf(dataSource!),
    });
    this.waker.add(this.recovery);
  }

  get store(): OpenStore['store'] {
    return this.open.store;
  }

  /** The run of a job that this process holds; the runner makes one for each of its own. */
  runOf(job: LeasedJob): JobRun {
    return new JobRun(job, this.runServices);
  }

  /** Lets steps run, and looks for due jobs from now on. */
  start(): void {
    const { notifications } = this.open;
    if (notifications) {
      // A job that this process runs from memory wakes nobody; one that it leaves to others wakes them.
      this.waker.add({ wake: (delay) => delay <= 0 && notifications.notify() });
      if (this.options.runSteps) void notifications.listen(() => this.recovery.wake(0));
    }
    this.runner.start();
    this.recovery.start();
    this.services.schedule.start(this.options.recoveryInterval, () => this.tick());
  }

  /**
   * Stops in the order in which the parts depend on each other. A later call waits for the first, and for what
   * was handed back meanwhile: jobs whose transaction committed after the stop.
   */
  async stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    await this.stopped;
    await this.writer.flush();
  }

  private async shutDown(): Promise<void> {
    this.services.schedule.stop();
    await Promise.all([this.recovery.stop(), this.retention.stop(), this.unknownSteps.stop()]);
    await this.runner.stop();
    await this.writer.flush();
    await this.leases.stop();
    await this.open.notifications?.close();
  }

  private tick(): void {
    this.manager.forfeitPlaces();
    this.recovery.wake(0);
    const now = performance.now();
    if (now < this.housekeepingAt) return;
    this.housekeepingAt = now + Math.min(HOUSEKEEPING_MS, Math.max(this.options.retention, 1000));
    void this.retention.run();
    if (this.options.runSteps) void this.unknownSteps.run();
  }

  private policyOf(definition: StepDefinition): ResolvedRetryPolicy {
    let policy = this.policies.get(definition);
    if (!policy) {
      policy = resolveRetryPolicy(definition.retry, `retry of step ${definition.name}`, this.services.retry);
      this.policies.set(definition, policy);
    }
    return policy;
  }

  private async reportFailed(gid: string, error: unknown): Promise<void> {
    const { onJobFailed } = this.services;
    if (!onJobFailed) return;
    try {
      const record = await this.store.find(gid);
      if (record) await onJobFailed(jobInfoOf(record), error);
    } catch (hookError) {
      this.logger.error(`onJobFailed of job ${gid} failed: ${String(hookError)}`);
    }
  }
}
