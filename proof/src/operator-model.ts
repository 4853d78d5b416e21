import type { Transition } from './evidence.js';
import type { OperatorCall } from './operator-call.js';
import type { JobPlan } from './plan.js';

/** A step that a job went on without. */
export interface SkippedStep {
  /** When, within the transaction. */
  readonly at: number;
  /** `succeeded`: it was done already. Undefined where the answer was lost. */
  readonly as: 'skipped' | 'succeeded' | undefined;
  /** From then on, nothing of it may begin. */
  readonly over: number;
}

/** Arguments that a step was given. */
export interface StepEdit {
  readonly at: number;
  readonly version: string;
  readonly wrong: boolean;
}

/** A COMMIT without an answer. */
const COMMIT_MS = 1000;

/**
 * What an operator did, according to the calls, their answers, and the changes that triggers recorded meanwhile. A process carries out one
 * call at a time, so each change by hand belongs to one call; a call without an answer has happened if there is a change of it.
 */
export class OperatorModel {
  /** Changes that nobody asked for, or that were made twice. */
  readonly violations: string[] = [];
  private readonly calls = new Map<string, OperatorCall[]>();
  private readonly skips = new Map<string, SkippedStep>();
  private readonly edits = new Map<string, StepEdit[]>();
  private readonly canceled = new Set<string>();
  private readonly failedAt = new Map<string, number>();
  private readonly changes = new Map<OperatorCall, { readonly first: number; readonly gids: Set<string> }>();
  private readonly skipping = new Set<Transition>();

  constructor(
    calls: readonly OperatorCall[],
    transitions: readonly Transition[],
    private readonly planOf: (gid: string) => JobPlan | undefined,
  ) {
    if (calls.length === 0) return;
    for (const call of calls) this.calls.set(call.worker, [...(this.calls.get(call.worker) ?? []), call]);
    for (const transition of transitions) this.read(transition);
    for (const call of calls) this.checkAnswer(call);
  }

  skipped(gid: string, step: number): SkippedStep | undefined {
    return this.skips.get(`${gid}/${step}`);
  }

  /** The oldest first. */
  editsOf(gid: string, step: number): readonly StepEdit[] {
    return this.edits.get(`${gid}/${step}`) ?? [];
  }

  wasCanceled(gid: string): boolean {
    return this.canceled.has(gid);
  }

  isSkip(transition: Transition): boolean {
    return this.skipping.has(transition);
  }

  private read(transition: Transition): void {
    const { gid, writer, at, before, after } = transition;
    if (!before || !after || writer === null) return;
    if (after.status === 'failed' && before.status !== 'failed') this.failedAt.set(gid, at);
    const call = this.callAt(writer, at);
    // One that was refused may have been, because this process was just about to store the step's success.
    const skips = call?.action.do === 'skip' && call.outcome !== 'refused' && call.action.gid === gid;
    if (skips && leaves(transition, call.action.step)) {
      this.note(call, gid, at);
      this.skipping.add(transition);
      const as = call.step === 'skipped' || call.step === 'succeeded' ? call.step : undefined;
      const over = call.answered ?? at + COMMIT_MS;
      this.skips.set(`${gid}/${before.step}`, { at, as, over });
      return;
    }
    const retried = before.status === 'failed' && after.status === 'submitted';
    const canceled = before.status !== 'canceled' && after.status === 'canceled';
    if (!retried && !canceled) return;
    if (!call || !this.asksFor(call, transition, retried)) {
      this.violations.push(`job ${gid} was ${retried ? 'retried' : 'canceled'} by ${writer} unasked`);
      return;
    }
    this.note(call, gid, at);
    if (canceled) this.canceled.add(gid);
    if (call.action.do === 'edit') {
      const { version, wrong = false } = call.action.args;
      const key = `${gid}/${before.step}`;
      this.edits.set(key, [...(this.edits.get(key) ?? []), { at, version, wrong }]);
    }
  }

  private asksFor({ action }: OperatorCall, { gid, before }: Transition, retried: boolean): boolean {
    switch (action.do) {
      case 'retry':
      case 'edit':
        return retried && action.gid === gid;
      case 'cancel':
        return !retried && action.gid === gid;
      case 'retryAll':
      case 'cancelAll': {
        const kind = this.planOf(gid)?.steps[before!.step]?.kind;
        const fits = kind === action.filter.step && before!.status === action.filter.status;
        return fits && retried === (action.do === 'retryAll');
      }
      default:
        return false;
    }
  }

  /** Each job once; and a bulk operation that began before its first change leaves jobs alone that failed later. */
  private note(call: OperatorCall, gid: string, at: number): void {
    const known = this.changes.get(call) ?? { first: at, gids: new Set<string>() };
    this.changes.set(call, known);
    if (known.gids.has(gid)) this.violations.push(`job ${gid} was changed twice by call ${call.id}`);
    const failedLater = (this.failedAt.get(gid) ?? -Infinity) > known.first;
    if (call.action.do === 'retryAll' && failedLater)
      this.violations.push(`job ${gid} failed after call ${call.id} had begun, and was retried by it`);
    known.gids.add(gid);
  }

  private checkAnswer(call: OperatorCall): void {
    const changed = this.changes.get(call)?.gids.size ?? 0;
    const { action, outcome, id } = call;
    if (outcome === 'refused' && changed > 0)
      this.violations.push(`call ${id} was refused (${call.error}), and was done: ${JSON.stringify(action)}`);
    if (outcome !== 'done' || action.do === 'pause' || action.do === 'resume') return;
    const told = call.changed ?? 1;
    if (told !== changed)
      this.violations.push(`call ${id} (${action.do}) told of ${told} changes, and made ${changed}`);
  }

  private callAt(worker: string, at: number): OperatorCall | undefined {
    return this.calls
      .get(worker)
      ?.find(({ asked, answered }) => asked !== undefined && asked <= at && at <= (answered ?? Infinity));
  }
}

function leaves({ before, after }: Transition, step: number): boolean {
  const from = before!.status === 'submitted' || before!.status === 'failed';
  const on = after!.status === 'submitted' && after!.step === step + 1;
  return from && before!.step === step && (on || (after!.status === 'succeeded' && after!.step === step));
}
