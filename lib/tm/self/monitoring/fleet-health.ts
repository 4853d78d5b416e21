import { durationOption, readOptions } from '../../../core/options.js';
import type { FleetHealth, HealthProblem } from '../../../core/operations/fleet-numbers.js';
import type { HealthOptions } from '../../../core/operations/stepping-operations.js';
import { errorText } from '../../../errors/error-text.js';
import type { FleetReader } from './fleet-reader.js';
import { isRecovering, recoveryPatience } from './recovery-patience.js';
import type { FleetSnapshot } from './fleet-snapshot.js';

const OPTIONS = { degradedAfter: durationOption('5m') };
/** One step is enough to say that something waits. */
const MAX_WAITING_STEPS = 20;

export interface FleetHealthOptions {
  /** Milliseconds. */
  readonly recoveryInterval: number;
  readonly runSteps: boolean;
  /** How long ago this process has looked for due jobs, in milliseconds; `null` before the first time. */
  readonly recoveredAgo: () => number | null;
}

/** Judges by age, not by number: a queue that stays as long as it is does no harm. */
export class FleetHealthCheck {
  /** For how long a process may not have looked for due jobs, in milliseconds. */
  readonly patience: number;

  constructor(
    private readonly reader: FleetReader,
    private readonly options: FleetHealthOptions,
  ) {
    this.patience = recoveryPatience(options.recoveryInterval);
  }

  async check(options: HealthOptions = {}): Promise<FleetHealth> {
    const { degradedAfter } = readOptions(options, 'options', OPTIONS);
    let snapshot: FleetSnapshot;
    try {
      snapshot = await this.reader.snapshot();
    } catch (error) {
      return storeUnreachable(error);
    }
    const stopped = snapshot.alive ? this.recoveryOf(snapshot) : this.ownRecovery();
    const waiting = waitingTooLong(snapshot, degradedAfter);
    const status = stopped.length > 0 ? 'down' : waiting.length > 0 ? 'degraded' : 'up';
    return { status, problems: [...stopped, ...waiting] };
  }

  private recoveryOf(snapshot: FleetSnapshot): HealthProblem[] {
    const workers = snapshot.alive!.filter(({ runsSteps }) => runsSteps);
    if (workers.some((worker) => isRecovering(worker, snapshot.at, this.patience))) return [];
    if (workers.length > 0) return [this.stopped('no live process has looked for due jobs')];
    return [
      { code: 'NO_WORKERS', text: 'No live process runs steps: jobs are kept, and wait for one.' },
      this.stopped('no live process looks for due jobs'),
    ];
  }

  /** All that is known where processes do not tell of themselves. */
  private ownRecovery(): HealthProblem[] {
    const { runSteps, recoveredAgo } = this.options;
    const ago = recoveredAgo();
    if (!runSteps || ago === null || ago <= this.patience) return [];
    return [this.stopped('this process has not looked for due jobs')];
  }

  private stopped(what: string): HealthProblem {
    const text = `Recovery has stopped: ${what} within ${this.patience / 1000} s.`;
    return { code: 'RECOVERY_STOPPED', text };
  }
}

export function storeUnreachable(error: unknown): FleetHealth {
  const text = `The store of the jobs cannot be reached: ${errorText(error)}`;
  return { status: 'down', problems: [{ code: 'STORE_UNREACHABLE', text }] };
}

function waitingTooLong(snapshot: FleetSnapshot, degradedAfter: number): HealthProblem[] {
  return [...snapshot.dueSteps]
    .filter(([step, { oldestMs }]) => oldestMs > degradedAfter && !snapshot.pauseOf(step))
    .sort(([, a], [, b]) => b.oldestMs - a.oldestMs)
    .slice(0, MAX_WAITING_STEPS)
    .map(([step, { oldestMs }]) => ({
      code: 'JOBS_WAIT_TOO_LONG' as const,
      text: `A job of the step '${step}' has been due for ${Math.round(oldestMs / 1000)} s.`,
      step,
    }));
}
