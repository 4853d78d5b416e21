import type { Transition, TransitionState } from './evidence.js';

/**
 * What a job may do, according to the documentation and not to the code:
 *
 * prepared → submitted | rolledBack; submitted → succeeded | failed | canceled; failed → submitted | canceled.
 * The step index grows by one at a time, written by the process that holds the job. Ended jobs do not change.
 */
export function violationOf({ before, after }: Transition): string | undefined {
  if (!before) return after ? born(after) : undefined;
  // Only ended jobs are ever removed.
  if (!after) return FINAL.has(before.status) ? undefined : `a ${before.status} job was deleted`;
  if (before.status !== after.status) return statusChange(before, after);
  if (FINAL.has(before.status)) return same(before, after) ? undefined : `a ${before.status} job was changed`;
  return moved(before, after);
}

const FINAL = new Set(['succeeded', 'canceled', 'rolledBack']);
const NEXT: Readonly<Record<string, readonly string[]>> = {
  prepared: ['submitted', 'rolledBack'],
  submitted: ['succeeded', 'failed', 'canceled'],
  failed: ['submitted', 'canceled'],
};

function born(state: TransitionState): string | undefined {
  const fresh = state.step === 0 && state.attempts === 0;
  const allowed = state.status === 'submitted' || state.status === 'prepared';
  return fresh && allowed ? undefined : `a job began as ${text(state)}`;
}

function statusChange(before: TransitionState, after: TransitionState): string | undefined {
  const from = `${text(before)} became ${text(after)}`;
  if (!NEXT[before.status]?.includes(after.status)) return from;
  if (before.step !== after.step) return `${from}: the step changed with the status`;
  if ((after.status === 'succeeded' || after.status === 'failed') && before.owner === null) {
    return `${from}: nobody held it`;
  }
  return undefined;
}

function moved(before: TransitionState, after: TransitionState): string | undefined {
  const from = `${text(before)} became ${text(after)}`;
  if (after.step === before.step) {
    const counted = after.attempts - before.attempts;
    return counted === 0 || counted === 1 ? undefined : `${from}: the attempts jumped`;
  }
  if (after.step !== before.step + 1) return `${from}: a step was left out or taken back`;
  if (before.owner === null) return `${from}: nobody held it`;
  if (after.owner !== null && after.owner !== before.owner) return `${from}: the owner changed with the step`;
  return after.attempts === 0
    ? undefined
    : `${from}: the attempts of the next step began with ${after.attempts}`;
}

function same(before: TransitionState, after: TransitionState): boolean {
  return before.step === after.step && before.owner === after.owner;
}

function text({ status, step, attempts }: TransitionState): string {
  return `${status} (step ${step}, ${attempts} attempts)`;
}

/**
 * Changes made by a process that did not hold the job. There are none if fencing works. Any process may cancel
 * and retry; a process that sets a new owner token holds the job from then on.
 */
export class FenceModel {
  private readonly holders = new Map<string, { owner: string; writer: string }>();

  violationOf({ gid, writer, before, after }: Transition): string | undefined {
    if (!after || writer === null) return undefined;
    const holder = this.holders.get(gid);
    let violation: string | undefined;
    const progressed =
      before?.status === 'submitted' &&
      (after.step !== before.step || after.status === 'succeeded' || after.status === 'failed');
    if (progressed && holder && before.owner === holder.owner && writer !== holder.writer) {
      violation = `step ${before.step} was stored by ${writer}, while ${holder.writer} held the job`;
    }
    if (after.owner !== null && after.owner !== before?.owner) {
      this.holders.set(gid, { owner: after.owner, writer });
    }
    return violation;
  }
}
