import { LineLogger } from '../../core/line-logger.js';
import { detached } from '../../core/detached.js';
import type { SteppingEventBus } from '../../core/events/event-bus.js';
import { faultPoint } from '../../core/fault-point.js';
import { checkGid } from '../../core/jobs/gid.js';
import type { Payloads } from '../../core/payloads/payloads.js';
import { StepStop } from '../../core/steps/step-context.js';
import type { StepExecutor } from '../../core/steps/step.executor.js';
import { WaitGroup } from '../../core/wait-group.js';
import { propertyOf } from '../../errors/error-text.js';
import { StepInterruptedError, StepTimeoutError } from '../../errors/index.js';
import type { CallbackSignature } from './callback-signature.js';
import { openStep, type StepPayload } from './step-payload.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import type { CallbackAnswer, CheckedCall } from './dtm-callback.js';
import type { JobTransactions } from './job-transactions.js';
import { RecentKeys } from './recent-keys.js';
import { fromWireGid, toWireGid } from './wire-gid.js';

/** An attempt ends before DTM stops waiting, so that its answer still counts. */
const ANSWER_SHARE = 0.95;

/** What a call says of itself, beside its payload. */
export interface CallFrame {
  /** Milliseconds until DTM stops waiting; only gRPC tells. */
  readonly remaining?: number | undefined;
  /** Where the start of the job was traced. */
  readonly trace?: string | undefined;
}

interface Call {
  readonly gid: string;
  readonly branchId: string;
  readonly payload: StepPayload;
  /** Milliseconds from `arrived` on. */
  readonly timeout: number;
  /** By `performance.now()`. */
  readonly arrived: number;
  readonly trace: string | undefined;
}

/**
 * Runs the steps that DTM calls.
 *
 * No answer of a step ever fails a job: DTM would repeat that as well. So it is done, not finished yet, or an
 * error, after which DTM tries again.
 */
export class DtmStepService {
  private readonly logger = new LineLogger('SteppingJob');
  private readonly attempts = new AttemptCounter();
  /** Steps that have succeeded here. The time of the job tells it from a later one of its gid. */
  private readonly done = new RecentKeys();
  private readonly running = new Map<string, StepStop>();
  private readonly underWay = new WaitGroup();
  private stopping = false;

  constructor(
    private readonly options: ResolvedDtmOptions,
    private readonly executor: StepExecutor,
    private readonly transactions: JobTransactions,
    private readonly signature: CallbackSignature,
    private readonly payloads: Payloads,
    private readonly events: SteppingEventBus,
  ) {}

  /** @param body The payload as it arrived. */
  async answer(
    { gid, branchId }: CheckedCall,
    body: Buffer,
    { remaining = Infinity, trace }: CallFrame = {},
  ): Promise<CallbackAnswer> {
    const payload = openStep({ gid, branchId }, body, this.signature);
    if (typeof payload === 'string') return payload;
    const call = {
      gid: fromWireGid(gid),
      branchId,
      payload,
      timeout: Math.min(remaining, payload.requestTimeout * 1000) * ANSWER_SHARE,
      arrived: performance.now(),
      trace,
    };
    return this.underWay.run(() => detached(() => this.once(call)));
  }

  /** Tells running steps to end, takes no new ones, and waits for those that are under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const stop of this.running.values()) stop.request(new StepInterruptedError('shutdown'));
    await this.underWay.wait();
  }

  /** DTM repeats a step that did not answer in time, also while the attempt before is still at work here. */
  private async once(call: Call): Promise<CallbackAnswer> {
    const key = `${call.gid}:${call.branchId}`;
    const doneKey = `${key}:${call.payload.time}`;
    if (this.done.has(doneKey)) return 'success';
    if (this.stopping || this.running.has(key)) return 'ongoing';
    const stop = new StepStop();
    this.running.set(key, stop);
    try {
      const obstacle = await this.obstacleOf(call);
      if (obstacle !== undefined) return obstacle;
      const answer = await this.attempt(call, key, stop);
      if (answer === 'success') this.done.add(doneKey);
      return answer;
    } finally {
      this.running.delete(key);
    }
  }

  /** Why a step does not run: its transaction has not committed, or its database cannot tell at the moment. */
  private async obstacleOf({ gid, payload }: Call): Promise<CallbackAnswer | undefined> {
    const { queryPreparedAfter } = this.options.job;
    try {
      const outcome = await this.transactions.ofStep({
        gid: toWireGid(checkGid(gid)),
        ...payload,
        queryPreparedAfter,
      });
      if (outcome === 'committed') return undefined;
      return outcome === 'rolledBack' ? 'refused' : 'ongoing';
    } catch (error) {
      this.logger.warn(
        `Step ${payload.step} of job ${gid} waits: whether its transaction has committed could not be told: ${this.payloads.loggable(error)}`,
      );
      // The step is not to blame, so that DTM need not wait longer each time.
      return 'ongoing';
    }
  }

  private async attempt(call: Call, key: string, stop: StepStop): Promise<CallbackAnswer> {
    const { gid, branchId, payload, trace } = call;
    const attempt = this.attempts.next(key);
    const startedAt = performance.now();
    const { step } = payload;
    const stepIndex = Number(branchId) - 1;
    const ended = () => ({
      ...{ gid, stepName: step, stepIndex, attempt },
      tookMs: Math.round(performance.now() - startedAt),
    });
    // One structured line per attempt that failed; never the arguments, which may hold secrets.
    const fail = (error: unknown, what = 'failed'): CallbackAnswer => {
      if (what === 'failed') {
        this.events.emit({ event: 'attempt.failed', ...ended(), error, nextAttemptInMs: undefined });
      }
      this.logger.warn({
        message: `Step ${step} of job ${gid} ${what}`,
        gid,
        step,
        stepIndex,
        attempt,
        tookMs: Math.round(performance.now() - startedAt),
        error: this.payloads.loggable(error),
      });
      return 'error';
    };
    const timer = setTimeout(
      () => stop.request(new StepTimeoutError(step, Math.round(call.timeout))),
      call.arrived + call.timeout - startedAt,
    );
    try {
      await faultPoint('step:before-execute', gid);
      const outcome = await this.executor.execute({
        gid,
        barrierGid: toWireGid(gid),
        tenant: payload.tenant,
        trace,
        stepName: step,
        stepIndex,
        attempt,
        overrides: payload.overrides,
        readArgs: () => payload.args,
        stop,
        gracePeriod: this.options.gracePeriod,
      });
      await faultPoint('step:executed', gid);
      if (outcome.kind === 'interrupted') {
        this.attempts.takeBack(key);
        return 'ongoing';
      }
      if (outcome.kind === 'unfit') {
        this.attempts.takeBack(key);
        fail(outcome.error, 'cannot begin in this process');
        // The step is not to blame, so that DTM need not wait longer each time.
        return 'ongoing';
      }
      if (outcome.kind === 'failed') return isNotFinished(outcome.error) ? 'ongoing' : fail(outcome.error);
      await faultPoint('progress:before-write', gid);
      this.attempts.forget(key);
      this.events.emit({ event: 'attempt.succeeded', ...ended() });
      return 'success';
    } catch (error) {
      return fail(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** By code: the step may have its error from another copy of the library. */
function isNotFinished(error: unknown): boolean {
  return propertyOf(error, 'code') === 'STEPPING_STEP_NOT_FINISHED';
}

/** How many steps are counted at a time, at most. */
const MAX_COUNTED = 10_000;

/**
 * Counts the attempts of steps in this process, since DTM sends no number. Another process, and this one after a
 * restart, starts again at 1.
 */
export class AttemptCounter {
  private readonly attempts = new Map<string, number>();

  next(key: string): number {
    const attempt = (this.attempts.get(key) ?? 0) + 1;
    // Moved to the end, so that the least recently called step is dropped first.
    this.attempts.delete(key);
    this.attempts.set(key, attempt);
    if (this.attempts.size > MAX_COUNTED) this.attempts.delete(this.attempts.keys().next().value!);
    return attempt;
  }

  /** Undoes `next()` for an attempt that was interrupted. */
  takeBack(key: string): void {
    const attempts = this.attempts.get(key) ?? 0;
    if (attempts <= 1) this.attempts.delete(key);
    else this.attempts.set(key, attempts - 1);
  }

  forget(key: string): void {
    this.attempts.delete(key);
  }
}
