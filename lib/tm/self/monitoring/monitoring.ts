import type { StepRegistry } from '../../../core/steps/step.registry.js';
import type { Payloads } from '../../../core/payloads/payloads.js';
import { VERSION } from '../../../core/version.js';
import type { FleetStore } from '../../../store/fleet/fleet-store.js';
import type { JobPoller } from '../job-poller.js';
import type { JobRunner } from '../job-runner.js';
import type { LeaseKeeper } from '../lease-keeper.js';
import type { ResolvedSelfTmOptions } from '../self-tm.options.js';
import type { StepControls } from '../steering/step-controls.js';
import type { AttemptCounters } from './attempt-counters.js';
import { CountWriter } from './count-writer.js';
import { FleetHealthCheck } from './fleet-health.js';
import { FleetReader } from './fleet-reader.js';
import { GONE_AFTER_HEARTBEATS } from './fleet-snapshot.js';
import { ProcessMonitor, type ProcessLoad } from './process-monitor.js';
import { prometheusText } from './prometheus-text.js';

/** Attempts that a heartbeat tells of. */
const MAX_BUSY = 50;

/** The parts of a process that it tells of. */
export interface MonitoredParts {
  readonly leases: LeaseKeeper;
  readonly runner: JobRunner;
  readonly poller: JobPoller;
  readonly registry: StepRegistry;
  readonly payloads: Payloads;
  readonly controls: StepControls;
}

/** What a process tells of itself, and what it knows of the others. */
export class Monitoring {
  readonly monitor: ProcessMonitor;
  readonly reader: FleetReader;
  readonly health: FleetHealthCheck;

  constructor(
    readonly store: FleetStore,
    readonly counters: AttemptCounters,
    private readonly options: ResolvedSelfTmOptions,
    private readonly parts: MonitoredParts,
  ) {
    const { monitoring, runSteps, recoveryInterval } = options;
    const { leases, runner, registry, poller, payloads, controls } = parts;
    this.monitor = new ProcessMonitor(
      store,
      new CountWriter(store, counters, leases.process),
      {
        id: leases.process,
        version: VERSION,
        runsSteps: runSteps,
        concurrency: runner.concurrency,
        steps: () => registry.names(),
      },
      () => this.load(),
      monitoring,
    );
    this.reader = new FleetReader(store, {
      heartbeat: monitoring === false ? null : monitoring.heartbeat,
      encodes: payloads.encodes,
      pauses: () => controls.latest(),
    });
    this.health = new FleetHealthCheck(this.reader, {
      recoveryInterval,
      runSteps,
      recoveredAgo: () => poller.reachedAgo,
    });
  }

  /** Without the gauges of the fleet while the store cannot be reached. */
  async prometheus(): Promise<string> {
    const snapshot = await this.reader.snapshot().catch(() => undefined);
    return prometheusText(this.counters, snapshot);
  }

  /** Whether a live process tells that it provides a step of this name or alias; undefined where that cannot be known. */
  async isProvided(step: string): Promise<boolean | undefined> {
    const { monitoring, runSteps } = this.options;
    if (runSteps && this.parts.registry.has(step)) return true;
    if (monitoring === false) return undefined;
    try {
      // Not the snapshot: a caller that holds the only connection must not wait for a read of somebody else.
      const seen = await this.store.processes(GONE_AFTER_HEARTBEATS * monitoring.heartbeat);
      return seen.some(
        ({ state, runsSteps, steps }) => state === 'alive' && runsSteps && steps.includes(step),
      );
    } catch {
      return undefined;
    }
  }

  private load(): ProcessLoad {
    const { runner, poller } = this.parts;
    const now = performance.now();
    return {
      running: runner.runningCount,
      waiting: runner.waitingCount,
      recoveredAgo: poller.reachedAgo,
      busy: runner.busiest(MAX_BUSY).map(({ gid, step, since }) => ({ gid, step, forMs: now - since })),
    };
  }
}
