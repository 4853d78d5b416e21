import type { SchedulerRegistry } from '@nestjs/schedule';
import { LineLogger } from '../../core/line-logger.js';
import { startAll, stopAll, type BackgroundService } from '../../core/background-service.js';
import type { SteppingEventBus } from '../../core/events/event-bus.js';
import { within } from '../../core/within.js';
import type { JobInfo } from '../../core/jobs/job-info.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import type { StepArgumentsSerializer } from '../../core/steps/step-arguments.serializer.js';
import { insideTransactionOf } from '../../transactions/surroundings.js';
import type { TransactionalStepRunner } from '../../transactions/transactional-step.runner.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { AttemptReporter } from './attempt-reporter.js';
import { FailureHook } from './failure-hook.js';
import { type FailedJob, JobCompleter } from './job-completer.js';
import { JobPoller } from './job-poller.js';
import { JobRun } from './job-run.js';
import type { JobRunServices } from './job-run-services.js';
import { JobRunner } from './job-runner.js';
import { JobStarter } from './job-starter.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeasedJob } from './leased-job.js';
import { AttemptCounters } from './monitoring/attempt-counters.js';
import { Monitoring } from './monitoring/monitoring.js';
import type { OwnProcess } from './monitoring/known-fleet.js';
import { PROCESS_NAME } from './monitoring/process-name.js';
import { PreparedJobs } from './prepared-jobs.js';
import { ProcessShare, type StorePlace } from './process-share.js';
import { RecoverySchedule } from './recovery-schedule.js';
import { RetentionService } from './retention.service.js';
import { DEFAULT_CONCURRENCY, type ResolvedSelfTmOptions } from './self-tm.options.js';
import { SelfTransactionalSteps } from './self-transactional-steps.js';
import type { ResolvedBrakeOptions } from '../../core/operations/brake-options.js';
import { HEARTBEAT_MS } from './steering/step-controls.js';
import { StepSteering } from './steering/step-steering.js';
import { ManualSteering } from './steering/manual-steering.js';
import { StepQueues } from './step-queues.js';
import type { OpenStore } from './store-opener.js';
import { UnknownStepReporter } from './unknown-step.reporter.js';
import { UnsettledAttempts } from './unsettled-attempts.js';

export interface SelfTmServices extends Pick<
  JobRunServices,
  'registry' | 'executor' | 'attempts' | 'payloads' | 'telemetry' | 'aroundAttempt'
> {
  readonly events: SteppingEventBus;
  readonly serializer: StepArgumentsSerializer;
  readonly transactionalSteps: TransactionalStepRunner;
  readonly databases: TypeOrmDatabases;
  readonly brake: ResolvedBrakeOptions | false;
  readonly onJobFailed: ((job: JobInfo, error: unknown) => unknown) | undefined;
  /** The application's registry of timers, if it has one. */
  readonly schedulerRegistry: () => SchedulerRegistry | undefined;
  /** Of one store of several. */
  readonly place?: StorePlace | undefined;
}

/** How many connections the pools of `pg` and `mysql2` have by default. */
const DRIVERS_POOL_SIZE = 10;

/** The parts of the self-TM, put together for one store. */
export class SelfTmRuntime {
  private readonly logger = new LineLogger('SelfTransactionManager');
  readonly leases: LeaseKeeper;
  readonly completer: JobCompleter;
  readonly prepared: PreparedJobs;
  readonly poller: JobPoller;
  readonly retention: RetentionService;
  readonly starter: JobStarter;
  readonly steering: ManualSteering;
  readonly stepSteering: StepSteering;
  readonly monitoring: Monitoring;
  private readonly counters = new AttemptCounters();
  /** Each may rely on those before it while it runs. */
  private readonly background: readonly BackgroundService[];
  private readonly runServices: JobRunServices;
  private readonly share: ProcessShare;
  private stopped: Promise<void> | undefined;
  private closesBy: number | undefined;
  private givenUp = false;

  constructor(
    private readonly open: OpenStore,
    private readonly options: ResolvedSelfTmOptions,
    private readonly services: SelfTmServices,
  ) {
    const { store, dataSource } = open;
    const { registry, databases, events, place } = services;
    const { leaseDuration, queryPreparedAfter, concurrency = DEFAULT_CONCURRENCY, runSteps } = options;
    this.share = place?.share ?? new ProcessShare(concurrency, options.maxBytes);
    const { slots, budget, identity } = this.share;
    const wake = (delay: number) => this.wake(delay);
    const holdsConnection = () => open.serial && insideTransactionOf(dataSource!);
    const failures = new FailureHook(
      store,
      events,
      services.payloads,
      services.onJobFailed,
      options.gracePeriod,
      place?.store,
    );
    const onFailed = (job: FailedJob, error: unknown) => failures.failed(job, error);
    this.leases = new LeaseKeeper(store, leaseDuration, identity);
    events.gracePeriod = options.gracePeriod;
    this.completer = new JobCompleter(store, this.leases, onFailed, slots.stores);
    const { leases, completer } = this;
    const queues = new StepQueues(registry, slots);
    this.stepSteering = new StepSteering(open.controls, open.audit, registry, events, {
      brake: services.brake,
      runSteps,
      heartbeat: options.monitoring === false ? HEARTBEAT_MS : options.monitoring.heartbeat,
      holdsConnection,
      notify: () => open.notifications?.notify('controls'),
    });
    const { controls, brake } = this.stepSteering;
    const unsettled = new UnsettledAttempts();
    this.runServices = {
      ...services,
      reporter: new AttemptReporter(events, services.payloads, this.counters, brake),
      transactional: new SelfTransactionalSteps(services.transactionalSteps, store, leases, databases, {
        dataSource,
        isOneOfSeveral: place !== undefined,
      }),
      leases,
      completer,
      unsettled,
      gracePeriod: options.gracePeriod,
      wake,
      mayBegin: (next, ended) => queues.hasRoom(queues.of(next), queues.of(ended)),
      onFailed,
    };
    const runner = new JobRunner(
      leases,
      completer,
      (job) => this.runOf(job),
      queues,
      budget,
      {
        runsSteps: runSteps,
        wake: () => wake(0),
      },
      unsettled,
    );
    this.prepared = new PreparedJobs(store, databases, wake, queryPreparedAfter);
    const storeName = place && `the job store of the DataSource '${place.store}'`;
    this.poller = new JobPoller(store, leases, runner, budget, this.prepared, events, storeName);
    this.starter = new JobStarter(store, leases, runner, registry, services.payloads, events, {
      dataSource,
      store: place?.store,
      queryPreparedAfter,
      holdsConnection,
      insideOwnTransaction: () => open.inTransaction() && insideTransactionOf(dataSource!),
      wake,
      isPaused: (step) => controls.isPaused(step),
      onStarted: () => (this.counters.started += 1),
    });
    this.monitoring = new Monitoring(open.fleet, this.counters, options, {
      leases,
      runner,
      registry,
      poller: this.poller,
      payloads: services.payloads,
      controls,
    });
    this.stepSteering.steer({ runner, queues, poller: this.poller });
    this.retention = new RetentionService(store, databases, options.retention, open.audit);
    this.steering = new ManualSteering(open, services, {
      wake: () => wake(0),
      retried: (gid) => brake?.leaveOut(gid),
      canceled: (gid) => this.canceled(gid),
      succeeded: (gid) => events.emit({ event: 'job.succeeded', gid }),
    });
    this.background = [
      this.notifications(),
      this.monitoring.monitor,
      leases,
      this.retention,
      ...this.steering.services,
      ...this.stepSteering.services,
      new UnknownStepReporter(store, registry, events, options, () => controls.familiar()),
      runner,
      this.prepared,
      this.poller,
      new RecoverySchedule(services.schedulerRegistry, options.recoveryInterval, () => this.tick()),
      // Stopped first.
      { stop: async () => this.monitoring.monitor.stopping() },
    ];
  }

  get store(): OpenStore['store'] {
    return this.open.store;
  }

  get payloads(): Payloads {
    return this.services.payloads;
  }

  /** Of the stored steps of a page. */
  get maxPageBytes(): number {
    return this.share.maxPageBytes;
  }

  get auditStore(): OpenStore['audit'] {
    return this.open.audit;
  }

  get databases(): TypeOrmDatabases {
    return this.services.databases;
  }

  /** What this process knows of itself. */
  get own(): OwnProcess {
    const { runSteps } = this.options;
    const steps = this.services.registry.names();
    return { id: this.leases.process, name: PROCESS_NAME, runsSteps: runSteps, steps };
  }

  /** The run of a job that this process holds the lease of. */
  runOf(job: LeasedJob): JobRun {
    return new JobRun(job, this.runServices);
  }

  /**
   * Tells this process, and those that listen, that a job is due in `delay` milliseconds. Polling finds it anyway; this
   * saves time.
   */
  wake(delay: number): void {
    this.poller.wakeForJobs(delay);
    if (delay <= 0) this.open.notifications?.notify();
  }

  /** Other processes notice when they renew the lease, or store the end of a step. */
  private canceled(gid: string): void {
    this.leases.cancel(gid);
    this.counters.canceled += 1;
    this.services.events.emit({ event: 'job.canceled', gid });
  }

  /** From now on steps may run, and due jobs are claimed; unless it was stopped before. */
  start(): void {
    if (this.stopped) return;
    this.warnOfSmallPool();
    startAll(this.background);
  }

  /**
   * A later call waits for the first, and for jobs handed back meanwhile, because their transactions committed after
   * the stop. All of them together end in bounded time.
   */
  async stop(): Promise<void> {
    const { gracePeriod, statementTimeout } = this.options;
    this.stopped ??= stopAll(this.background);
    this.closesBy ??= performance.now() + gracePeriod + 2 * statementTimeout;
    const ended = this.stopped
      .then(() => this.completer.flush())
      .then(() => this.services.events.settled())
      .then(() => true);
    if (this.givenUp || (await within(Math.max(statementTimeout, this.closesBy - performance.now()), ended)))
      return;
    this.givenUp = true;
    this.logger.error(
      'The application closes although jobs could not be handed back; their leases expire, and other processes run them.',
    );
  }

  /**
   * Steps that use the database wait for each other then, and progress waits behind them. Nobody has chosen the two
   * defaults, which most applications do well with.
   */
  private warnOfSmallPool(): void {
    const { concurrency = DEFAULT_CONCURRENCY, runSteps } = this.options;
    const { poolSize } = this.open;
    const needed = this.options.concurrency ?? DRIVERS_POOL_SIZE;
    if (!runSteps || poolSize === undefined || needed <= poolSize) return;
    this.logger.warn(
      `'concurrency' is ${concurrency}, but the pool of the DataSource has ${poolSize} connections. Steps that use the ` +
        "database wait for a connection. Raise 'poolSize', or lower 'concurrency'.",
    );
  }

  private tick(): void {
    for (const service of this.background) service.tick?.();
  }

  private notifications(): BackgroundService {
    const { notifications, beside } = this.open;
    return {
      start: () => {
        if (!this.options.runSteps) return;
        void notifications?.listen((topic) => {
          if (topic === 'controls') this.stepSteering.controls.notified();
          else this.poller.wakeByNotification();
        });
      },
      stop: async () => {
        await beside?.close();
        await notifications?.close();
      },
    };
  }
}
