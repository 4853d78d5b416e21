import { LineLogger } from '../../core/line-logger.js';
import type { ActionNote } from '../../core/operations/action-note.js';
import type {
  FailureGroups,
  FleetHealth,
  FleetOverview,
  ProcessInfo,
  StepNumbers,
  Timeline,
  TimelineQuery,
  TimeRange,
} from '../../core/operations/fleet-numbers.js';
import {
  SteppingOperations,
  type FleetOperation,
  type HealthOptions,
  type PauseOptions,
} from '../../core/operations/stepping-operations.js';
import { storeUnreachable } from './monitoring/fleet-health.js';
import type { Monitoring } from './monitoring/monitoring.js';
import type { SelfTransactionManager } from './self.transaction-manager.js';

/** What processes tell and count. */
const TOLD_BY_PROCESSES: readonly FleetOperation[] = ['timeline', 'processes'];
const NOT_MONITORED = {
  message: "Processes tell nothing of themselves here, and count nothing: selfTm() has 'monitoring: false'.",
};

/** `SteppingOperations` over the job store of the self-TM. */
export class SelfSteppingOperations extends SteppingOperations {
  private readonly logger = new LineLogger('SteppingControls');

  constructor(protected readonly manager: SelfTransactionManager) {
    super();
  }

  override async pause(step: string, options: PauseOptions): Promise<void> {
    const { stepSteering, monitoring } = await this.manager.runtime();
    await stepSteering.pauses.pause(step, options);
    // It may be the name of a step that is deployed later, so the pause holds.
    if ((await monitoring.isProvided(step)) === false)
      this.logger.warn(
        `The step '${step}' is paused, but no live process tells that it provides a step of this name`,
      );
  }

  override async resume(step: string, note?: ActionNote): Promise<boolean> {
    const { stepSteering } = await this.manager.runtime();
    return stepSteering.pauses.resume(step, note);
  }

  override async overview(): Promise<FleetOverview> {
    return (await this.monitoring()).reader.overview();
  }

  override async steps(range?: TimeRange): Promise<readonly StepNumbers[]> {
    return (await this.monitoring()).reader.steps(range);
  }

  override async timeline(query?: TimelineQuery): Promise<Timeline> {
    return (await this.monitoring()).reader.timeline(query);
  }

  override async failures(): Promise<FailureGroups> {
    return (await this.monitoring()).reader.failures();
  }

  override async processes(): Promise<readonly ProcessInfo[]> {
    return (await this.monitoring()).reader.processes();
  }

  override async health(options?: HealthOptions): Promise<FleetHealth> {
    const monitoring = await this.monitoring().catch((error: unknown) => storeUnreachable(error));
    return 'problems' in monitoring ? monitoring : monitoring.health.check(options);
  }

  override async prometheus(): Promise<string> {
    return (await this.monitoring()).prometheus();
  }

  /** @internal */
  override refusalOf(operation: FleetOperation): { readonly message: string } | undefined {
    const isTold = this.manager.monitors || !TOLD_BY_PROCESSES.includes(operation);
    return isTold ? super.refusalOf(operation) : NOT_MONITORED;
  }

  private async monitoring(): Promise<Monitoring> {
    return (await this.manager.runtime()).monitoring;
  }
}
