import { isDeepStrictEqual } from 'node:util';
import type { JobInfo, StepInfo } from '../core/jobs/job-info.js';
import type { AuditEntry, JobExplanation } from '../core/jobs/job-operations.js';
import type { FleetHealth, FleetOverview, StepNumbers, StepPause } from '../core/operations/fleet-numbers.js';
import { isRecord } from '../core/options.js';
import type { Missing, Wire } from './api.js';
import type { Mask } from './mask.js';
import { wire } from './wire.js';

/**
 * What the library tells, as it may leave the process. Gids, labels and the names of steps and processes are shown as they are: the page asks
 * by them.
 */
export class ShownData {
  constructor(private readonly mask: Mask) {}

  /** @param withArgs Whether arguments may be shown, and are asked for. */
  job(job: JobInfo, withArgs: boolean): Wire<JobInfo> {
    const steps = job.steps.map((step) => this.step(step, withArgs));
    return wire({ ...job, error: this.error(job), steps });
  }

  error({ error }: JobInfo): string | null {
    return this.mask.text(error);
  }

  /** Whether arguments of the job are not shown as they are. */
  hidesArgs({ steps }: JobInfo): boolean {
    return steps.some(({ args }) => !isDeepStrictEqual(this.mask.value(args), args));
  }

  /** The steps as they are stored, as far as they are shown: what a text is looked for in. */
  storedSteps({ steps }: JobInfo): string {
    return JSON.stringify(steps.map(({ name, args }) => ({ step: name, args: this.mask.value(args) })));
  }

  explanation(explanation: JobExplanation): Wire<JobExplanation> {
    const reasons = explanation.reasons.map((reason) => ({ ...reason, text: this.mask.text(reason.text) }));
    return wire({ ...explanation, reasons });
  }

  /** @param withArgs Whether it tells arguments that were replaced. */
  entry({ detail, ...entry }: AuditEntry, withArgs: boolean): Wire<AuditEntry> {
    const told = withArgs ? detail : withoutArgs(detail);
    return wire({
      ...entry,
      reason: this.mask.text(entry.reason),
      ...(told !== undefined && { detail: this.mask.value(told) }),
    });
  }

  numbers(numbers: StepNumbers): Wire<StepNumbers> {
    return wire({ ...numbers, pause: numbers.pause && this.pause(numbers.pause) });
  }

  overview(overview: FleetOverview): Wire<FleetOverview> {
    const paused = Object.entries(overview.paused).map(([step, pause]) => [step, this.pause(pause)] as const);
    return wire({ ...overview, paused: Object.fromEntries(paused), ...this.missing(overview) });
  }

  /** Why a store is missing may tell where it is, with a password. */
  missing({ missing }: Missing): Missing {
    if (!missing) return {};
    return { missing: missing.map((store) => ({ ...store, error: this.mask.text(store.error) })) };
  }

  health(health: FleetHealth): Wire<FleetHealth> {
    const problems = health.problems.map((problem) => ({ ...problem, text: this.mask.text(problem.text) }));
    return wire({ ...health, problems });
  }

  private pause(pause: StepPause): StepPause {
    return { ...pause, reason: this.mask.text(pause.reason) };
  }

  private step({ args, ...step }: StepInfo, withArgs: boolean): StepInfo {
    return withArgs && args !== undefined ? { ...step, args: this.mask.value(args) } : step;
  }
}

/** Of an edit, those that were replaced; of an action on many, the text that was looked for in them. */
function withoutArgs(detail: unknown): unknown {
  if (!isRecord(detail)) return detail;
  const { args: _args, ...rest } = detail;
  return isRecord(rest.filter) ? { ...rest, filter: withoutArgs(rest.filter) } : rest;
}
