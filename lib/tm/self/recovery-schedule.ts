import { SchedulerRegistry } from '@nestjs/schedule';
import { detached } from '../../core/detached.js';

const NAME = 'stepping-recovery';

/**
 * The interval of the recovery service, in the application's `SchedulerRegistry` where it has one.
 *
 * `ScheduleModule.forRoot()` is left to the application: imported a second time, it would fire every timer
 * of the application twice. Without it the interval lives in a registry of our own, which we clear.
 */
export class RecoverySchedule {
  private registry: SchedulerRegistry | undefined;
  private name = NAME;

  /** @param find gives the application's registry, if it has one. */
  constructor(private readonly find: () => SchedulerRegistry | undefined) {}

  start(interval: number, tick: () => void): void {
    this.registry = this.find() ?? new SchedulerRegistry();
    for (let other = 2; this.registry.doesExist('interval', this.name); other += 1)
      this.name = `${NAME}-${other}`;
    this.registry.addInterval(
      this.name,
      detached(() => setInterval(tick, interval)),
    );
  }

  /** The application's registry may have cleared it already, and then refuses to delete it again. */
  stop(): void {
    if (this.registry?.doesExist('interval', this.name)) this.registry.deleteInterval(this.name);
  }
}
