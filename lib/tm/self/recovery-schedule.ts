import { SchedulerRegistry } from '@nestjs/schedule';
import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';

const NAME = 'stepping-recovery';

/**
 * The recovery interval, in the application's `SchedulerRegistry` where it has one.
 *
 * Only the application may import `ScheduleModule.forRoot()`: imported twice, it fires every timer of the application
 * twice. Without it, the interval lives in a registry of our own.
 */
export class RecoverySchedule implements BackgroundService {
  private registry: SchedulerRegistry | undefined;
  private name = NAME;

  constructor(
    /** Returns the application's registry, if it has one. */
    private readonly find: () => SchedulerRegistry | undefined,
    /** Milliseconds. */
    private readonly interval: number,
    private readonly onTick: () => void,
  ) {}

  start(): void {
    this.registry = this.find() ?? new SchedulerRegistry();
    for (let other = 2; this.registry.doesExist('interval', this.name); other += 1)
      this.name = `${NAME}-${other}`;
    this.registry.addInterval(
      this.name,
      detached(() => setInterval(this.onTick, this.interval)),
    );
  }

  /** The application may have cleared its registry already, which then throws for an unknown name. */
  async stop(): Promise<void> {
    if (this.registry?.doesExist('interval', this.name)) this.registry.deleteInterval(this.name);
  }
}
