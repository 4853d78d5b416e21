import { FAULT_POINTS, type FaultPoint } from '../core/fault-point.js';
import type { JobInfo } from '../core/jobs/job-info.js';
import type { StepClass } from '../core/steps/step-class.js';
import type { StepDefinition } from '../core/steps/step-definition.js';
import { MAX_STORED_DURATION_MS, parseDuration, type Duration } from '../core/duration.js';
import { refuseUnknown } from '../core/options.js';
import { InvalidOptionError, StepNotFoundError } from '../errors/index.js';
import { Drain, type DrainOptions, type DrainResult } from './drain.js';
import {
  matches,
  missingMessage,
  unexpectedMessage,
  type ExpectedJob,
  type JobPattern,
} from './job-expectation.js';
import { overrideProviders, type OverridableModule } from './override-providers.js';
import { PlannedCrash } from './planned-crash.js';
import { JobExpectationError, TestingUsageError } from './testing.errors.js';
import type { TestingTransactionManager } from './testing.transaction-manager.js';

/**
 * Settings of `SteppingTesting`.
 *
 * @publicApi
 */
export interface SteppingTestingOptions {
  /**
   * `'memory'`: jobs are kept in memory, whatever database the application has; they take part in its transactions all the
   * same. `'typeorm'`: in the `DataSource` that the application keeps its jobs in. Default: `'memory'`.
   */
  readonly store?: 'memory' | 'typeorm';
}

/**
 * Settings of `crashAt()`.
 *
 * @publicApi
 */
export interface CrashOptions {
  /** The crash comes in this step; for the points `step:…` and `progress:…`. Default: in any. */
  readonly step?: StepClass | string;
}

const DEFAULT_LIMIT = 1000;

/**
 * Jobs of an application under test: they run when the test says so, on a clock of the test's own, and their process
 * can be made to crash. There are no timers.
 *
 * Everything else is as in production: transactions, arguments, retries and exactly-once steps. One instance serves
 * one application at a time.
 *
 * @publicApi
 */
export class SteppingTesting {
  private manager: TestingTransactionManager | undefined;
  private readonly crash = new PlannedCrash();
  private busy = false;
  private readonly keeps: 'memory' | 'typeorm';

  /** @throws InvalidOptionError for an unknown store or option. */
  constructor(options: SteppingTestingOptions = {}) {
    refuseUnknown(options, 'SteppingTesting', ['store']);
    const { store = 'memory' } = options;
    if (store !== 'memory' && store !== 'typeorm') {
      throw new InvalidOptionError('SteppingTesting.store', store, `'memory' or 'typeorm'`);
    }
    this.keeps = store;
  }

  /**
   * Puts these helpers in the place of the application's transaction manager, whichever that is, and gives the
   * builder back. Tables are created, whatever `autoMigrate` says, and waits between attempts have no jitter unless
   * the step itself asks for it.
   */
  override<B extends OverridableModule>(builder: B): B {
    overrideProviders(
      builder,
      this.keeps,
      () => this.crash.forget(),
      (manager) => (this.manager = manager),
    );
    return builder;
  }

  /** All jobs, oldest first. A job whose transaction was rolled back is none. */
  async jobs(): Promise<JobInfo[]> {
    return (await this.application().allJobs()).filter((job) => job.status !== 'rolledBack');
  }

  /**
   * The first job that is as expected, whether it has run or not.
   *
   * @throws JobExpectationError when there is none; the message says what jobs there are.
   * @throws StepNotFoundError when the application does not provide the step class.
   */
  async expectJob<S extends StepClass | string>(expected: ExpectedJob<S>): Promise<JobInfo> {
    const pattern = this.patternOf(expected);
    const jobs = await this.application().allJobs();
    const found = jobs.find((job) => matches(job, pattern));
    if (!found) throw new JobExpectationError(missingMessage(pattern, jobs));
    return found;
  }

  /**
   * Makes sure that no job is as expected; without conditions, that there is none at all.
   *
   * @throws JobExpectationError when there is one, StepNotFoundError as `expectJob()`.
   */
  async expectNoJob<S extends StepClass | string>(expected: ExpectedJob<S> = {}): Promise<void> {
    const pattern = this.patternOf(expected);
    const found = (await this.application().allJobs()).filter((job) => matches(job, pattern));
    if (found.length > 0) throw new JobExpectationError(unexpectedMessage(pattern, found));
  }

  /**
   * Lets the next attempts of a step fail instead of being executed.
   *
   * @param error what they fail with; an `UnrecoverableStepError` fails the job.
   * @param times how many attempts. Default: 1.
   * @throws StepNotFoundError when the application does not provide the step.
   */
  failNext(
    step: StepClass | string,
    error: unknown = new Error('This attempt fails, as the test asked for with failNext().'),
    times = 1,
  ): void {
    if (!Number.isSafeInteger(times) || times < 1)
      throw new InvalidOptionError('times', times, 'a whole number of at least 1');
    this.application().failures.add(this.definitionOf(step), error, times);
  }

  /**
   * Runs all jobs that are due, one after the other, and those that they start, until none is due. An attempt that
   * fails is not an error here: its retry is due later, see `advance()`.
   *
   * A job that stands at a step which the application does not provide is left alone, as in production.
   *
   * @throws InvalidOptionError for an unknown option; DrainLimitError when jobs go on being due; ProcessCrashedError after a crash, before `restart()`.
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    const limit = limitOf(options, 'drain');
    return this.draining(limit, (drain) => drain.run());
  }

  /**
   * Lets time pass for the jobs, and runs what becomes due meanwhile, each at its time: delayed starts, retries, leases,
   * questions about prepared jobs. At the end, ended jobs whose `retention` is over are deleted.
   *
   * Stored times are moved into the past; `Date` and the database's clock stay as they are, and go on.
   *
   * @param duration milliseconds, or a text such as `'10m'`.
   * @throws InvalidOptionError, and what `drain()` throws.
   */
  async advance(duration: Duration, options: DrainOptions = {}): Promise<DrainResult> {
    const limit = limitOf(options, 'advance');
    const milliseconds = parseDuration(duration, 'duration', { max: MAX_STORED_DURATION_MS });
    return this.draining(limit, (drain) => drain.advance(milliseconds));
  }

  /**
   * Lets the process die the next time that it comes to this point: nothing is written after it, transactions that are
   * open there are rolled back, and jobs can be started only after `restart()`. At the points `job:…` it dies in the
   * code that starts a job, which gets a `ProcessCrashedError`; at all others in `drain()`, which tells of it.
   *
   * Only the jobs are dead: the application's own code and objects live on. The points are the whole test
   * process's, so this is not for tests that run concurrently.
   *
   * @throws InvalidOptionError for an unknown point or option, StepNotFoundError for an unknown step.
   */
  crashAt(point: FaultPoint, options: CrashOptions = {}): void {
    refuseUnknown(options, 'crashAt', ['step']);
    const { step } = options;
    if (!FAULT_POINTS.includes(point))
      throw new InvalidOptionError('point', point, `one of ${FAULT_POINTS.join(', ')}`);
    if (step !== undefined && !/^(step|progress):/.test(point))
      throw new TestingUsageError(`No step runs at '${point}': leave out the step.`);
    const manager = this.application();
    const definition = step === undefined ? undefined : this.definitionOf(step);
    this.crash.plan({
      point,
      appliesTo: (gid) => definition === undefined || manager.stepOf(gid) === definition,
      crash: async () => (await manager.current()).crash(point),
    });
  }

  /**
   * Puts a new process on the same jobs, after a crash or in the middle of everything. The leases of the old one are
   * over, so that `drain()` takes its jobs. A step that was running has used an attempt, unless that was the first crash of
   * its job and the step may have more than one attempt; after that, its next attempt is due after the wait of its `retry`.
   */
  restart(): Promise<void> {
    return this.alone(async () => this.application().restart());
  }

  private application(): TestingTransactionManager {
    if (this.manager?.isReady) return this.manager;
    throw new TestingUsageError(
      'The application is not there yet. Call override() with the builder of the testing module, compile it, and ' +
        'call init() on what that gives; SteppingModule must be among the imports.',
    );
  }

  private definitionOf(step: StepClass | string): StepDefinition {
    const { registry } = this.application();
    const definition = registry.get(typeof step === 'string' ? step : registry.nameOf(step));
    if (!definition) throw new StepNotFoundError(String(step), registry.names());
    return definition;
  }

  private patternOf<S extends StepClass | string>(expected: ExpectedJob<S>): JobPattern {
    refuseUnknown(expected, 'the expected job', ['step', 'args', 'name', 'gid', 'status']);
    const { step, args, ...rest } = expected;
    const { registry } = this.application();
    return {
      ...rest,
      ...(step !== undefined && { step: typeof step === 'string' ? step : registry.nameOf(step) }),
      // As they would have been stored: dates as texts, for example.
      ...(args !== undefined && { args: JSON.parse(JSON.stringify(args)) as unknown }),
    };
  }

  private draining(limit: number, work: (drain: Drain) => Promise<void>): Promise<DrainResult> {
    return this.alone(async () => {
      const manager = this.application();
      const process = await manager.current();
      if (process.severed) throw process.severed;
      const drain = new Drain(manager, process, limit);
      await work(drain);
      return drain.result;
    });
  }

  /** Two of these at a time would take each other's jobs. */
  private async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.busy)
      throw new TestingUsageError('drain(), advance() or restart() is under way already: await it first.');
    this.busy = true;
    try {
      return await work();
    } finally {
      this.busy = false;
    }
  }
}

function limitOf(options: DrainOptions, place: string): number {
  refuseUnknown(options, place, ['limit']);
  return options.limit ?? DEFAULT_LIMIT;
}
