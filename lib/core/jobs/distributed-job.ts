import {
  InvalidOptionError,
  JobAlreadyStartedError,
  JobHasNoStepsError,
  JobNotPreparedError,
  StepArgumentsTooLargeError,
  TooManyStepsError,
  TransactionNotActiveError,
} from '../../errors/index.js';
import type { StepArgumentsSerializer } from '../steps/step-arguments.serializer.js';
import type { StepCall, StepClass } from '../steps/step-class.js';
import { storedOverrides, type StepOverrides } from '../steps/step-overrides.js';
import type { StepRegistry } from '../steps/step.registry.js';
import type { TransactionContext } from '../transactions/transaction-context.js';
import type { PreparedJob, TransactionManager } from '../transaction-manager.js';
import { isName, NAME_RULE } from '../name.js';
import { faultPoint } from '../fault-point.js';
import { encodedMessage } from '../payloads/job-payloads.js';
import { withoutKeyRequests } from '../payloads/key-requests.js';
import type { Payloads } from '../payloads/payloads.js';
import type { JobTelemetry } from '../telemetry/job-telemetry.js';
import { plainArgs } from '../payloads/stored-forms.js';
import {
  encodedBytes,
  encodedBytesOf,
  NO_STEPS_BYTES,
  type JobMessage,
  type StoredStep,
} from './job-message.js';
import type { Readiness } from './readiness.js';
import type { TransactionSettler } from './transaction-settler.js';
import type { MadeJob, UnstartedJobs } from './unstarted-jobs.js';

/**
 * The most bytes that a job may take as it is stored, 4 MiB: the names, arguments and overrides of all its steps, as UTF-8 JSON.
 *
 * @publicApi
 */
export const MAX_JOB_BYTES = 4 * 1024 * 1024;

/**
 * The most steps that a job may have: 10,000.
 *
 * @publicApi
 */
export const MAX_JOB_STEPS = 10_000;

/** What a job needs from its application. */
export interface JobEnvironment {
  readonly manager: TransactionManager;
  readonly settler: TransactionSettler;
  readonly registry: StepRegistry;
  readonly serializer: StepArgumentsSerializer;
  readonly payloads: Payloads;
  readonly readiness: Readiness;
  readonly telemetry: JobTelemetry;
  /** Only in development. */
  readonly unstarted: UnstartedJobs | undefined;
}

export interface JobSettings {
  readonly message: Omit<JobMessage, 'steps'>;
  /** Finds the transaction at the moment of the start: it may have ended since the job was created. */
  readonly transaction: () => TransactionContext | null;
  /** Called when the job starts outside any transaction, and may refuse it. */
  readonly onStandalone: () => void;
  /** Of a job whose start is not to be forgotten; only in development. */
  readonly made: MadeJob | undefined;
}

/**
 * What `start()` tells of a job.
 *
 * @publicApi
 */
export interface StartedJob {
  /** The id of the job. */
  readonly gid: string;
  /**
   * Whether this call has started the job; false when the same job, by a gid of your own, was there already. In a transaction it is so if
   * that commits.
   */
  readonly created: boolean;
}

/**
 * A job: an ordered list of steps that runs if, and only if, the transaction it is started in commits.
 * Made by `DistributedJobFactory.createJob()`.
 *
 * @publicApi
 */
export class DistributedJob {
  private readonly steps: StoredStep[] = [];
  private bytes = NO_STEPS_BYTES;
  private phase: 'building' | 'started' | 'prepared' | 'submitted' = 'building';
  private prepared: PreparedJob | undefined;
  /** @internal Validations of arguments that the start waits for. */
  checks: Promise<unknown>[] | undefined;
  /** As it is stored, from the start on. */
  private message: JobMessage | undefined;

  /** @internal Made by the library. */
  constructor(
    private readonly environment: JobEnvironment,
    private readonly settings: JobSettings,
  ) {}

  /** The id of the job, and of its global transaction. */
  get gid(): string {
    return this.settings.message.gid;
  }

  /**
   * Adds a step. Steps run in the order in which they are added, each after the one before it succeeded.
   *
   * The step is a class; or a name, of a step that only another process provides. Jobs wait for a name that nobody provides, which is
   * logged once. After the arguments, `StepOverrides` say what holds for this step in this job alone; a step without arguments takes
   * `undefined` in their place.
   *
   * @throws StepNotFoundError when the class is no provider of this application.
   * @throws InvalidStepArgumentsError when the arguments cannot be stored and restored unchanged, or fail
   * their validation.
   * @throws StepArgumentsTooLargeError when the steps take more than 4 MiB as they are stored (`MAX_JOB_BYTES`).
   * @throws TooManyStepsError for more than 10,000 steps (`MAX_JOB_STEPS`).
   * @throws InvalidOptionError for a name that no step can have, and for overrides that cannot be.
   * @throws JobAlreadyStartedError after `start()` or `prepare()`.
   */
  addStep<S extends StepClass | string>(
    step: S,
    ...args: S extends StepClass ? StepCall<S> : [args?: unknown, options?: StepOverrides]
  ): this {
    try {
      this.add(step, args[0], args[1]);
    } catch (error) {
      // The caller knows that something is wrong.
      this.forgetUnstarted();
      throw error;
    }
    const { made } = this.settings;
    if (made && this.steps.length === 1) this.environment.unstarted?.watch(this, made);
    return this;
  }

  private add(step: StepClass | string, args: unknown, options: unknown): void {
    if (this.phase !== 'building') throw new JobAlreadyStartedError(this.gid, 'addStep');
    if (this.steps.length === MAX_JOB_STEPS) throw new TooManyStepsError(this.gid, MAX_JOB_STEPS);
    const { registry, serializer, payloads } = this.environment;
    const name = typeof step === 'string' ? step : registry.nameOf(step);
    if (!isName(name)) throw new InvalidOptionError('the name of the step', name, NAME_RULE);
    const definition = registry.get(name);
    if (!definition) registry.noteForeign(name);
    const overrides = storedOverrides(options, `addStep(${name})`);
    const stored = serializer.serialize(name, definition, args, this);
    const added: StoredStep = {
      name,
      ...(stored !== undefined && { args: payloads.encodes ? stored : plainArgs(stored) }),
      ...(overrides && { overrides }),
    };
    this.bytes += encodedBytes(added);
    this.assertSize(this.bytes);
    this.steps.push(added);
  }

  /**
   * Starts the job. In a transaction it takes part in it: it runs after the commit and vanishes with a
   * rollback, also one to a savepoint. Outside any transaction it is durable when the promise resolves.
   * It never waits for the steps.
   *
   * @throws JobHasNoStepsError, JobAlreadyStartedError.
   * @throws InvalidStepArgumentsError when arguments fail a validation that is asynchronous, or it takes longer than ten seconds; `addStep()`
   * does not wait for those.
   * @throws TransactionRequiredError outside any transaction, or in one that cannot be seen, without `transaction: 'none'`.
   * @throws TransactionNotPassedError when the transaction around the caller was begun on a query runner.
   * @throws ConnectionStreamingError while a stream is read on the connection of the transaction.
   * @throws TransactionEndedError when the transaction around the caller has ended already.
   * @throws DuplicateGidError when the gid belongs to another job. The same gid with the same steps is the
   * same job: nothing is started a second time.
   * @throws PayloadCodecError, PayloadKeyUnknownError when the arguments cannot be encoded, or those of a job of the same gid not be
   * decoded; StepArgumentsTooLargeError when they have become too large.
   * @throws TransactionManagerUnavailableError when the job could not be stored; the transaction must then
   * be rolled back by letting the error through. On PostgreSQL the row of a job without a gid of yours travels with
   * the COMMIT: the database's error is then that of the commit, and nothing is committed.
   */
  async start(): Promise<StartedJob> {
    this.leaveBuilding('started', 'start');
    return await this.traced(() => this.begin());
  }

  private async begin(): Promise<StartedJob> {
    const { gid } = this;
    const transaction = this.settings.transaction();
    if (!transaction) {
      this.settings.onStandalone();
      await this.ready();
      if (this.environment.payloads.encodes) await this.encode();
      const submitted = await this.environment.manager.submit(this.message!);
      return { gid, created: submitted?.created ?? true };
    }

    transaction.assertOpen(gid);
    const { settler } = this.environment;
    const participant = settler.participant(this.message!, transaction);
    return transaction.enlist(participant, async () => {
      const prepared = await this.prepareIn(transaction);
      participant.isPrepared(prepared, this.message!);
      await faultPoint('job:started', gid);
      return { gid, created: prepared.existing !== true };
    });
  }

  /**
   * First phase by hand, for a transaction whose end the library cannot observe: call it before the commit
   * and `submit()` after it. If the process dies in between, the manager asks the database.
   *
   * @throws what `start()` throws, and TransactionNotActiveError when there is no transaction.
   */
  async prepare(): Promise<void> {
    this.leaveBuilding('prepared', 'prepare');
    await this.traced(async () => {
      const transaction = this.settings.transaction();
      if (!transaction) throw new TransactionNotActiveError('prepare()');
      transaction.assertOpen(this.gid);
      this.prepared = await this.prepareIn(transaction);
    });
  }

  /**
   * Second phase by hand: call it after the commit, never before it. The job is safe already, so it does
   * not throw when the manager cannot be reached.
   *
   * @throws JobNotPreparedError before `prepare()`, JobAlreadyStartedError the second time.
   */
  async submit(): Promise<void> {
    if (this.phase === 'submitted' || this.phase === 'started') {
      throw new JobAlreadyStartedError(this.gid, 'submit');
    }
    if (!this.prepared) throw new JobNotPreparedError(this.gid);
    this.phase = 'submitted';
    await this.environment.settler.submitByHand(this.message!, this.prepared);
  }

  private traced<T>(work: () => Promise<T>): Promise<T> {
    const { tracer } = this.environment.telemetry;
    if (!tracer) return work();
    const { gid, message } = this;
    return tracer.aroundStart({ gid, steps: message!.steps.map(({ name }) => name) }, (trace) => {
      if (trace !== undefined) this.message = { ...message!, trace };
      return work();
    });
  }

  /** A message may be handled before the application's hooks have run; constraints of class-validator may take their time. */
  private async ready(): Promise<void> {
    if (this.checks) await Promise.all(this.checks);
    const { readiness } = this.environment;
    if (!readiness.ready) await readiness.prepare();
  }

  private async prepareIn(transaction: TransactionContext): Promise<PreparedJob> {
    await this.ready();
    await faultPoint('job:before-prepare', this.gid);
    const prepared = this.environment.payloads.encodes
      ? await withoutKeyRequests(() => this.prepareEncoded(transaction))
      : await this.environment.manager.prepare(this.message!, transaction);
    await faultPoint('job:prepared', this.gid);
    if (!prepared.enlisted) {
      await faultPoint('job:before-barrier', this.gid);
      await transaction.insertBarrier(prepared.barrierGid ?? this.gid, this.gid);
    }
    return prepared;
  }

  private async prepareEncoded(transaction: TransactionContext): Promise<PreparedJob> {
    await this.encode(transaction.lookup.tenant);
    return this.environment.manager.prepare(this.message!, transaction);
  }

  /** From here on, nobody sees the arguments but the steps. */
  private async encode(tenant?: string): Promise<void> {
    const message = await encodedMessage(this.environment.payloads, this.message!, tenant);
    this.assertSize(encodedBytesOf(message.steps));
    this.message = message;
  }

  private assertSize(bytes: number): void {
    if (bytes > MAX_JOB_BYTES) throw new StepArgumentsTooLargeError(this.gid, bytes, MAX_JOB_BYTES);
  }

  private forgetUnstarted(): void {
    if (this.settings.made) this.environment.unstarted?.forget(this);
  }

  private leaveBuilding(to: 'started' | 'prepared', attempted: 'start' | 'prepare'): void {
    if (this.phase !== 'building') throw new JobAlreadyStartedError(this.gid, attempted);
    if (this.steps.length === 0) throw new JobHasNoStepsError(this.gid);
    this.phase = to;
    this.forgetUnstarted();
    this.message = { ...this.settings.message, steps: [...this.steps] };
  }
}
