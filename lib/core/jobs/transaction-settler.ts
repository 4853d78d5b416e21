import { Logger } from '@nestjs/common';
import type { TransactionContext, TransactionParticipant } from '../transactions/transaction-context.js';
import type { PreparedJob, TransactionManager } from '../transaction-manager.js';
import { detached } from '../detached.js';
import { faultPoint } from '../fault-point.js';
import { WaitGroup } from '../wait-group.js';
import type { JobMessage } from './job-message.js';

/** A job's part in a transaction; `prepared` is set once the manager knows the job. */
export interface JobParticipant extends TransactionParticipant {
  prepared: PreparedJob | undefined;
}

/**
 * Tells the transaction manager how the transactions of its jobs ended.
 *
 * All of it happens beside the caller, who has committed and must neither wait for the network nor see an
 * error of ours: whatever is not told here is found by recovery. Shutdown waits for what is under way.
 */
export class TransactionSettler {
  private readonly logger = new Logger(TransactionSettler.name);
  private readonly underWay = new WaitGroup();

  constructor(private readonly manager: TransactionManager) {}

  participant(message: JobMessage, transaction: TransactionContext): JobParticipant {
    return new SettledParticipant(this, message, transaction);
  }

  committed(message: JobMessage, prepared: PreparedJob): void {
    void this.run(message.gid, () => this.submit(message, prepared));
  }

  rolledBack(message: JobMessage, prepared: PreparedJob): void {
    void this.run(message.gid, () => this.manager.abort(message, prepared));
  }

  inDoubt(message: JobMessage, prepared: PreparedJob, transaction: TransactionContext): void {
    void this.run(message.gid, () => this.decide(message, prepared, transaction));
  }

  /** `submit()` of a job whose transaction nobody observed: trusted, but looked up before a step runs. */
  async submitByHand(message: JobMessage, prepared: PreparedJob): Promise<void> {
    const work = prepared.enlisted
      ? () => this.manager.inDoubt(message, prepared)
      : () => this.submit(message, prepared);
    await this.run(message.gid, work);
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<void> {
    return this.underWay.wait();
  }

  private async submit(message: JobMessage, prepared: PreparedJob): Promise<void> {
    await faultPoint('job:before-submit', message.gid);
    await this.manager.submit(message, prepared);
    await faultPoint('job:submitted', message.gid);
  }

  private async decide(
    message: JobMessage,
    prepared: PreparedJob,
    transaction: TransactionContext,
  ): Promise<void> {
    if (prepared.enlisted) return this.manager.inDoubt(message, prepared);
    const outcome = await transaction.queryPrepared(message.gid);
    if (outcome === 'committed') await this.submit(message, prepared);
    else await this.manager.abort(message, prepared);
  }

  private run(gid: string, work: () => Promise<void>): Promise<void> {
    return detached(() => this.underWay.run(() => this.attempt(gid, work)));
  }

  private async attempt(gid: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn(
        `Job ${gid} could not be handed over at the end of its transaction; recovery will settle it: ${String(error)}`,
      );
    }
  }
}

class SettledParticipant implements JobParticipant {
  prepared: PreparedJob | undefined;

  constructor(
    private readonly settler: TransactionSettler,
    private readonly message: JobMessage,
    private readonly transaction: TransactionContext,
  ) {}

  get gid(): string {
    return this.message.gid;
  }

  committed(): void {
    if (this.prepared) this.settler.committed(this.message, this.prepared);
  }

  rolledBack(): void {
    if (this.prepared) this.settler.rolledBack(this.message, this.prepared);
  }

  inDoubt(): void {
    if (this.prepared) this.settler.inDoubt(this.message, this.prepared, this.transaction);
  }
}
