import type { BackgroundService } from '../../../core/background-service.js';
import { detached } from '../../../core/detached.js';
import { LineLogger } from '../../../core/line-logger.js';
import { SingleFlight } from '../../../core/single-flight.js';
import { within } from '../../../core/within.js';
import { errorText } from '../../../errors/error-text.js';
import type { FleetStore, ProcessReport } from '../../../store/fleet/fleet-store.js';
import type { CountWriter } from './count-writer.js';
import { HOST, PROCESS_NAME } from './process-name.js';
import type { ResolvedMonitoring } from './monitoring.options.js';

/** How long a shutdown waits for the last counts, and for the row to be deleted. */
const LAST_WORDS_MS = 2_000;
const ROLL_UP_EVERY_MS = 10 * 60_000;
/** Chunks of one roll-up: a fleet that was down for long catches up in several. */
const ROLL_UPS = 50;
/** After this time, nobody asks for a process that has gone without a word. */
export const KEEP_GONE_MS = 24 * 3600 * 1000;

/** What changes from one heartbeat to the next. */
export type ProcessLoad = Pick<ProcessReport, 'running' | 'waiting' | 'busy' | 'recoveredAgo'>;

/** What a process is. */
export type ProcessIdentity = Pick<ProcessReport, 'id' | 'version' | 'runsSteps' | 'concurrency'> & {
  readonly steps: () => readonly string[];
};

/**
 * Tells other processes of this one: a row at the start, an update now and then, and what was counted. No job waits for it or fails
 * with it; what cannot be written is logged once, and tried again.
 */
export class ProcessMonitor implements BackgroundService {
  private readonly logger = new LineLogger('SteppingMonitoring');
  private readonly startedAt = performance.now();
  private state: ProcessReport['state'] = 'alive';
  private announced = false;
  private failing = false;
  private rollUpAt = -Infinity;
  private timers: NodeJS.Timeout[] = [];
  private readonly beating = new SingleFlight(() => this.tried(() => this.beat()));
  private readonly writing = new SingleFlight(() => this.tried(() => this.writeCounts()));

  constructor(
    private readonly store: FleetStore,
    private readonly counts: CountWriter,
    private readonly identity: ProcessIdentity,
    private readonly load: () => ProcessLoad,
    private readonly options: ResolvedMonitoring | false,
  ) {}

  start(): void {
    if (this.options === false) return;
    const { heartbeat, flush } = this.options;
    this.timers = detached(() => [
      setInterval(() => void this.beating.run(), heartbeat),
      setInterval(() => void this.writing.run(), flush),
    ]);
    void detached(() => this.beating.run());
  }

  /** Tells that the process is about to stop, so that nobody counts on it. Nobody waits for that. */
  stopping(): void {
    this.state = 'stopping';
    if (this.timers.length > 0) void this.beating.run();
  }

  /** Writes the last counts, and takes the row back. */
  async stop(): Promise<void> {
    if (this.timers.length === 0) return;
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    const last = async (): Promise<void> => {
      await this.beating.landed();
      await this.writing.landed();
      await this.tried(() => this.counts.write());
      await this.tried(() => this.store.forget(this.identity.id));
    };
    await within(LAST_WORDS_MS, last());
  }

  private async beat(): Promise<void> {
    const report = this.report();
    // A row that somebody has deleted is written again.
    if (!this.announced || !(await this.store.beat(report))) await this.store.announce(report);
    this.announced = true;
  }

  private async writeCounts(): Promise<void> {
    await this.counts.write();
    if (performance.now() < this.rollUpAt) return;
    this.rollUpAt = performance.now() + ROLL_UP_EVERY_MS;
    await this.store.forgetSilent(KEEP_GONE_MS);
    for (let chunk = 0; chunk < ROLL_UPS && this.timers.length > 0; chunk += 1)
      if (!(await this.store.rollUp())) return;
  }

  private report(): ProcessReport {
    const { steps, ...identity } = this.identity;
    return {
      ...identity,
      ...this.load(),
      name: PROCESS_NAME,
      host: HOST,
      pid: process.pid,
      state: this.state,
      startedAgo: performance.now() - this.startedAt,
      steps: steps(),
    };
  }

  private async tried(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.failing = false;
    } catch (error) {
      if (!this.failing)
        this.logger.warn(
          `This process cannot tell of itself, which is tried again; jobs go on: ${errorText(error)}`,
        );
      this.failing = true;
    }
  }
}
