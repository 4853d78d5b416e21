import { Logger } from '@nestjs/common';
import type { TransactionContext, TransactionParticipant } from '../tm/transaction-context.js';
import type { PreparedJob, TransactionManager } from '../tm/transaction-manager.js';
import { detached } from './detached.js';
import { faultPoint } from './fault-point.js';
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
  private readonly underWay = new Set<Promise<void>>();

  constructor(private readonly manager: TransactionManager) {}

  participant(message: JobMessage, transaction: TransactionContext): JobParticipant {
    const { manager } = this;
    const participant: JobParticipant = {
      gid: message.gid,
      prepared: undefined,
      committed: () => this.settle(participant, (prepared) => this.submit(message, prepared)),
      rolledBack: () => this.settle(participant, (prepared) => manager.abort(message, prepared)),
      inDoubt: () => this.settle(participant, (prepared) => this.decide(message, prepared, transaction)),
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
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private settle(participant: JobParticipant, tell: (prepared: PreparedJob) => Promise<void>): void {
    const { prepared } = participant;
    if (!prepared) return;
    void this.run(participant.gid, () => tell(prepared));
  }

  private async submit(message: JobMessage, prepared: PreparedJob): Promise<void> {
    const committed = faultPoint('job:before-submit', message.gid);
    if (committed) await committed;
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
    const done = detached(work)
      .catch((error: unknown) => {
        this.logger.warn(
          `Job ${gid} could not be handed over at the end of its transaction; recovery will settle it: ${String(error)}`,
        );
      })
      .finally(() => this.underWay.delete(done));
    this.underWay.add(done);
    return done;
  }
}
