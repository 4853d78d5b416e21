import { setTimeout as sleep } from 'node:timers/promises';
import { LineLogger } from '../../core/line-logger.js';
import { detached } from '../../core/detached.js';
import { SingleFlight } from '../../core/single-flight.js';
import { isEncodedError, plainError } from '../../core/payloads/stored-forms.js';
import { ProgressRefusedError } from '../../errors/index.js';
import { isOutage } from '../../store/driver-errors.js';
import type { JobChange, JobStore } from '../../store/job-store.js';
import type { Lease } from './lease.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { asciiText, errorReport, errorText } from '../../errors/error-text.js';

/** How long the end of a job waits for others to share its statement, for each store of the process. */
const LINGER_MS = 4;
/** At most. */
const LONGEST_LINGER_MS = 16;
/** With this many waiting, none waits longer. */
const FULL = 500;
const RETRY_MS = 100;
/** How long a change waits that the database refuses, each time; then the job fails. */
const REFUSED_PAUSES_MS = [500, 2_000, 8_000];
const MAX_ERROR_LENGTH = 4000;

/** A job that has failed for good. */
export interface FailedJob {
  readonly gid: string;
  readonly stepName: string;
  readonly stepIndex: number;
  readonly attempts: number;
}

interface Waiting {
  readonly change: JobChange;
  readonly lease: Lease;
  readonly resolve: ((stored: boolean) => void) | undefined;
  /** The end of a job: nobody waits for it, and the lease is dropped afterwards. */
  readonly isEnd: boolean;
  /** How often the database has refused the values. */
  readonly refusals: number;
}

/**
 * Stores the progress of many jobs with one statement (group commit). Under load, a batch is sent as soon as the one before
 * it is back.
 */
export class JobCompleter {
  private readonly logger = new LineLogger(JobCompleter.name);
  private readonly linger: number;
  private waiting: Waiting[] = [];
  private urgent = false;
  private timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  private failing = false;
  private away = false;
  private closing = false;
  private onAway = (): void => undefined;
  /** Changes that the database has refused, with the timers of their next try. */
  private readonly putOff = new Map<Waiting, NodeJS.Timeout>();
  private readonly writing = new SingleFlight(() => this.writeBatch());

  constructor(
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    /** Called when a job has failed because its progress could not be stored. */
    private readonly onFailed: (job: FailedJob, error: unknown) => Promise<void> = async () => {},
    /** Among how many stores the jobs of this process are divided: ends of one store come as much more rarely. */
    stores = 1,
  ) {
    this.linger = Math.min(LONGEST_LINGER_MS, LINGER_MS * stores);
  }

  /** The store cannot be reached: what is to be stored waits. */
  get isAway(): boolean {
    return this.away;
  }

  /** Called with each try that does not reach the store, and when it is reached again, or nothing waits for it any more. */
  whenAway(listener: () => void): void {
    this.onAway = listener;
  }

  /** Stores a change; `false` when the lease was lost and nothing was stored. */
  write(lease: Lease, change: JobChange): Promise<boolean> {
    lease.releasing = change.release;
    return new Promise((resolve) => {
      this.waiting.push({ change, lease, resolve, isEnd: false, refusals: 0 });
      if (!this.urgent) {
        this.urgent = true;
        this.unschedule();
      }
      this.schedule();
    });
  }

  /**
   * Stores the end of a job, and then drops its lease. Nobody waits for it, so it may wait for others.
   *
   * @param stored called afterwards, with what `write()` would return.
   */
  finish(lease: Lease, change: JobChange, stored?: (stored: boolean) => void): void {
    this.waiting.push({ change, lease, resolve: stored, isEnd: true, refusals: 0 });
    this.schedule();
  }

  /** The application closes: what cannot be stored waits no longer than its lease lasts. */
  close(): void {
    this.closing = true;
  }

  /** Resolves when everything has been stored, or its lease is lost. */
  async flush(): Promise<void> {
    while (this.waiting.length > 0 || this.writing.running || this.putOff.size > 0) {
      // Another process tries it again when the lease has expired.
      for (const entry of this.putOff.keys()) this.lose(entry);
      this.urgent = true;
      this.unschedule();
      if (this.writing.running) await this.writing.landed();
      else if (this.failing) {
        this.schedule();
        // Until the store is tried again, there is nothing to do.
        await sleep(RETRY_MS);
      }
      // At once: a test may close the application while its fake timers stand still.
      else await this.writing.run();
    }
  }

  private schedule(): void {
    if (this.writing.running || this.timer || this.waiting.length === 0) return;
    const leave = () => {
      this.timer = undefined;
      void this.writing.run().then(() => this.schedule());
    };
    if (this.failing) this.timer = detached(() => setTimeout(leave, RETRY_MS));
    else if (this.urgent || this.waiting.length >= FULL) this.timer = detached(() => setImmediate(leave));
    else this.timer = detached(() => setTimeout(leave, this.linger));
  }

  private unschedule(): void {
    if (this.failing) return;
    clearTimeout(this.timer as NodeJS.Timeout);
    clearImmediate(this.timer as NodeJS.Immediate);
    this.timer = undefined;
  }

  private async writeBatch(): Promise<void> {
    const batch = this.waiting;
    this.waiting = [];
    this.urgent = false;
    const valid = batch.filter((entry) => !this.gone(entry));
    if (valid.length === 0) return this.reached();
    try {
      const refused = new Map<string, unknown>();
      const changed = await this.store.change(
        valid.map((entry) => entry.change),
        (gid, error) => refused.set(gid, error),
      );
      this.failing = false;
      this.reached();
      await this.answer(valid, changed, refused);
    } catch (error) {
      if (!this.failing) {
        this.logger.warn(
          `Storing the progress of ${valid.length} jobs failed and is tried again: ${errorText(error)}`,
        );
      }
      this.failing = true;
      this.again(valid);
      this.away = isOutage(error);
      if (this.away) this.onAway();
    }
  }

  private reached(): void {
    if (!this.away) return;
    this.away = false;
    this.onAway();
  }

  private async answer(
    batch: readonly Waiting[],
    changed: ReadonlySet<string>,
    refused: ReadonlyMap<string, unknown>,
  ): Promise<void> {
    for (const entry of batch) {
      if (changed.has(entry.change.gid)) this.settle(entry, true);
      // What cannot be looked up now is sent again; the rest of the batch is stored.
      else if (!refused.has(entry.change.gid)) await this.lookUp(entry).catch(() => this.again([entry]));
      else await this.refused(entry, refused.get(entry.change.gid)).catch(() => this.again([entry]));
    }
  }

  /** A row that was not changed is locked, or was changed before (the answer was lost), or its lease is lost. */
  private async lookUp(entry: Waiting): Promise<void> {
    const { change } = entry;
    const record = await this.store.find(change.gid);
    const ours = record?.owner === change.owner;
    if (record && record.status === change.status && record.stepIndex === change.stepIndex) {
      const written = change.release ? record.owner === null && record.attempts === change.attempts : ours;
      if (written && (change.stepIndex !== change.atStep || change.due === null || change.release)) {
        return this.settle(entry, true);
      }
    }
    if (ours && record.status === 'submitted' && record.stepIndex === change.atStep) this.again([entry]);
    else this.lose(entry);
  }

  /** Tried again without what can be refused, then after pauses; then the job fails. Its neighbours are stored meanwhile. */
  private async refused(entry: Waiting, error: unknown): Promise<void> {
    const { change, refusals } = entry;
    const pause = REFUSED_PAUSES_MS[refusals - 1];
    if (refusals === 0) {
      const plain = {
        ...change,
        attemptLog: null,
        // An encoded text holds nothing that can be refused, and could not be decoded any more.
        error: change.error === null || isEncodedError(change.error) ? change.error : plainText(change.error),
      };
      this.again([{ ...entry, change: plain, refusals: 1 }]);
    } else if (pause === undefined) {
      await this.giveUp(entry, error);
    } else {
      if (refusals === 1) {
        this.logger.error(
          `The database refuses to store the progress of job ${change.gid}, which is tried again: ${errorText(error)}`,
        );
      }
      const later = { ...entry, refusals: refusals + 1 };
      const retry = () => {
        this.putOff.delete(later);
        this.again([later]);
        this.schedule();
      };
      this.putOff.set(
        later,
        detached(() => setTimeout(retry, pause)),
      );
    }
  }

  private async giveUp(entry: Waiting, cause: unknown): Promise<void> {
    const { gid, owner, atStep } = entry.change;
    const record = await this.store.find(gid);
    const error = new ProgressRefusedError(gid, { cause });
    const failure: JobChange = {
      ...{
        gid,
        owner,
        atStep,
        status: 'failed',
        stepIndex: atStep,
        attemptLog: null,
        due: null,
        release: true,
        mark: null,
        crashes: null,
      },
      ...{ stepName: record?.stepName ?? '', attempts: record?.attempts ?? 0 },
      error: plainError(plainText(errorReport(error, MAX_ERROR_LENGTH))),
      errorName: error.name,
    };
    const stored = await this.store.change([failure], () => undefined);
    if (!stored.has(gid)) return this.lose(entry);
    this.logger.error(`Job ${gid} has failed: ${errorText(error)}`);
    this.settle(entry, false);
    const { stepName, stepIndex, attempts } = failure;
    void this.onFailed({ gid, stepName: stepName ?? '', stepIndex, attempts }, error);
  }

  private gone(entry: Waiting): boolean {
    const { lease } = entry;
    // A store that is away must not keep the application from closing.
    if (this.closing && this.failing && lease.overdue) this.lose(entry);
    else if (lease.lost) this.settle(entry, false);
    else return false;
    return true;
  }

  private lose(entry: Waiting): void {
    clearTimeout(this.putOff.get(entry));
    this.putOff.delete(entry);
    this.leases.drop(entry.lease);
    entry.lease.lose();
    this.settle(entry, false);
  }

  private settle({ lease, resolve, isEnd }: Waiting, stored: boolean): void {
    resolve?.(stored);
    if (isEnd) this.leases.drop(lease);
  }

  private again(entries: readonly Waiting[]): void {
    if (entries.length === 0) return;
    this.waiting = [...entries, ...this.waiting];
    this.urgent = true;
  }
}

function plainText(text: string): string {
  return asciiText(text).slice(0, MAX_ERROR_LENGTH);
}
