import { Logger } from '@nestjs/common';
import type { TransactionContext, TransactionParticipant } from '../transactions/transaction-context.js';
import type { PreparedJob, TransactionManager } from '../transaction-manager.js';
import { detached } from '../detached.js';
import { faultPoint } from '../fault-point.js';
import type { JobMessage } from './job-message.js';

/** A job's part in a transaction; `prepared` is set once the manager knows the job. */
export interface JobParticipant extends TransactionParticipant {
  prepared: PreparedJob | undefined;
}

/**
 * Tells the transaction manager how the transactions of its jobs ended.
 *
 * It works in the background: the caller has committed, and must neither wait for the network nor get an error of
 * the library. What is not told here is found by recovery. Shutdown waits for what is under way.
 */
export class TransactionSettler {
  private readonly logger = new Logger(TransactionSettler.name);
  private underWay = 0;
  private waiting: (() => void)[] = [];

  constructor(private readonly manager: TransactionManager) {}

  participant(message: JobMessage, transaction: TransactionContext): JobParticipant {
    const settle = (work: (prepared: PreparedJob) => Promise<void>): void => {
      const { prepared } = participant;
      if (prepared) void this.run(message.gid, () => work(prepared));
    };
    const participant: JobParticipant = {
      gid: message.gid,
      prepared: undefined,
      committed: () => settle((prepared) => this.submit(message, prepared)),
      rolledBack: () => settle((prepared) => this.manager.abort(message, prepared)),
      inDoubt: () => settle((prepared) => this.decide(message, prepared, transaction)),
    };
    return participant;
  }

  /** `submit()` of a job whose transaction nobody observed: trusted, but looked up before a step runs. */
  async submitByHand(message: JobMessage, prepared: PreparedJob): Promise<void> {
    const work = prepared.enlisted
      ? () => this.manager.inDoubt(message, prepared)
      : () => this.submit(message, prepared);
    await this.run(message.gid, work);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.underWay > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private async submit(message: JobMessage, prepared: PreparedJob): Promise<void> {
    const committed = faultPoint('job:before-submit', message.gid);
    if (committed) await committed;
    await this.manager.submit(message, prepared);
    const submitted = faultPoint('job:submitted', message.gid);
    if (submitted) await submitted;
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
    return detached(async () => {
      this.underWay += 1;
      try {
        await work();
      } catch (error) {
        this.logger.warn(
          `Job ${gid} could not be handed over at the end of its transaction; recovery will settle it: ${String(error)}`,
        );
      } finally {
        this.underWay -= 1;
        if (this.underWay === 0) for (const resolve of this.waiting.splice(0)) resolve();
      }
    });
  }
}
