import { Logger } from '@nestjs/common';
import { detached } from '../../core/detached.js';
import { faultPoint } from '../../core/fault-point.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';
import type { StepArgumentsSerializer } from '../../core/steps/step-arguments.serializer.js';
import { StepStop } from '../../core/steps/step-stop.js';
import { StepExecutor, type StepAttempt } from '../../core/steps/step.executor.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import { barrierMark } from '../../transactions/done-mark.js';
import { TransactionalStepRunner } from '../../transactions/transactional-step.runner.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import {
  StepInterruptedError,
  StepNotFoundError,
  StepTimeoutError,
  type SteppingError,
} from '../../errors/index.js';
import { AttemptCounter } from './attempt-counter.js';
import type { CallbackSignature } from './callback-signature.js';
import { isCallFor, type CallbackAnswer, type DtmStepCall } from './dtm-callback.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { openStep, type StepPayload } from './step-payload.js';
import { fromWireGid } from './wire-gid.js';

/** The share of DTM's time-out that an attempt gets, so that its answer arrives in time. */
const ANSWER_SHARE = 0.95;

interface Call {
  readonly gid: string;
  readonly branchId: string;
  readonly payload: StepPayload;
  /** Milliseconds from now. */
  readonly timeout: number;
}

/**
 * Runs the steps that DTM calls.
 *
 * No answer can fail a job: DTM would repeat the step anyway. So the answer is success, ongoing, or an error, after
 * which DTM tries again.
 */
export class DtmStepService {
  private readonly logger = new Logger('SteppingJob');
  private readonly attempts = new AttemptCounter();
  private readonly running = new Map<string, StepStop>();
  private readonly underWay = new Set<Promise<unknown>>();
  private stopping = false;

  private readonly executor: StepExecutor;
  private readonly transactional: TransactionalStepRunner;

  constructor(
    { gracePeriod }: ResolvedDtmOptions,
    private readonly registry: StepRegistry,
    serializer: StepArgumentsSerializer,
    private readonly databases: TypeOrmDatabases,
    private readonly signature: CallbackSignature,
  ) {
    this.executor = new StepExecutor(serializer, gracePeriod);
    this.transactional = new TransactionalStepRunner(this.executor, databases);
  }

  async answer(call: DtmStepCall): Promise<CallbackAnswer> {
    if (!isCallFor('action', call)) return 'invalid';
    const { gid: wireGid, branchId } = call;
    const opened = openStep(wireGid, branchId, call.payload, this.signature);
    if (!opened) return 'invalid';
    if (!opened.authentic) {
      this.logger.warn(`A step of job ${wireGid} was refused: its signature fits none of the secrets.`);
      return 'unauthenticated';
    }
    const { payload } = opened;
    const timeout = Math.min(call.remaining ?? Infinity, payload.requestTimeout * 1000) * ANSWER_SHARE;
    const answer = detached(() => this.once({ gid: fromWireGid(wireGid), branchId, payload, timeout }));
    this.underWay.add(answer);
    try {
      return await answer;
    } finally {
      this.underWay.delete(answer);
    }
  }

  /** Asks running steps to end, refuses new ones, and waits for those under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const stop of this.running.values()) stop.request(new StepInterruptedError('shutdown'));
    await Promise.allSettled(this.underWay);
  }

  /** DTM repeats a step that did not answer in time, even while its last attempt still runs here. */
  private async once(call: Call): Promise<CallbackAnswer> {
    const key = `${call.gid}:${call.branchId}`;
    if (this.stopping || this.running.has(key)) return 'ongoing';
    const stop = new StepStop();
    this.running.set(key, stop);
    try {
      return await this.attempt(call, key, stop);
    } finally {
      this.running.delete(key);
    }
  }

  private async attempt(call: Call, key: string, stop: StepStop): Promise<CallbackAnswer> {
    const { gid, branchId, payload } = call;
    const attempt = this.attempts.next(key);
    const startedAt = performance.now();
    const fail = (error: unknown, what = 'failed'): CallbackAnswer => {
      this.log(what, call, attempt, performance.now() - startedAt, error);
      return 'error';
    };
    const definition = this.registry.get(payload.step);
    if (!definition)
      return fail(new StepNotFoundError(payload.step, this.registry.names()), 'does not fit this process');

    const timer = setTimeout(
      () => stop.request(new StepTimeoutError(payload.step, Math.round(call.timeout))),
      call.timeout,
    );
    try {
      await faultPoint('step:before-execute', gid);
      const outcome = await this.execute(definition, {
        gid,
        definition,
        stepName: payload.step,
        stepIndex: Number(branchId) - 1,
        attempt,
        readArgs: () => payload.args,
        stop,
      });
      await faultPoint('step:executed', gid);
      if (outcome.kind === 'interrupted') {
        this.attempts.takeBack(key);
        return 'ongoing';
      }
      if (outcome.kind === 'unfit') return fail(outcome.error, 'does not fit this process');
      if (outcome.kind === 'failed') return isNotFinished(outcome.error) ? 'ongoing' : fail(outcome.error);
      await faultPoint('progress:before-write', gid);
      this.attempts.forget(key);
      return 'success';
    } catch (error) {
      return fail(error);
    } finally {
      clearTimeout(timer);
    }
  }

  private async execute(definition: StepDefinition, attempt: StepAttempt) {
    const { transactional } = definition;
    if (transactional === false) return this.executor.execute(attempt);
    const dataSource = this.databases.registry.get(transactional.dataSource);
    const barrier = await this.databases.barrierOf(dataSource);
    const { stop } = attempt;
    const mayCommit = async () => !stop.requested || stop.reason instanceof StepInterruptedError;
    return this.transactional.run(attempt, dataSource, barrierMark(barrier, attempt, mayCommit));
  }

  /** One structured line per attempt that failed; never the arguments, which may hold secrets. */
  private log(
    what: string,
    { gid, branchId, payload }: Call,
    attempt: number,
    took: number,
    error: unknown,
  ): void {
    this.logger.warn({
      message: `Step ${payload.step} of job ${gid} ${what}`,
      gid,
      step: payload.step,
      stepIndex: Number(branchId) - 1,
      attempt,
      tookMs: Math.round(took),
      error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    });
  }
}

/** Compares the code, since the error may come from another copy of the library. */
function isNotFinished(error: unknown): boolean {
  return error instanceof Error && (error as Partial<SteppingError>).code === 'STEPPING_STEP_NOT_FINISHED';
}
