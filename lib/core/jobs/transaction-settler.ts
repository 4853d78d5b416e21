import { LineLogger } from '../line-logger.js';
import type { TransactionContext, TransactionParticipant } from '../transactions/transaction-context.js';
import type { PreparedJob, TransactionManager } from '../transaction-manager.js';
import { detached } from '../detached.js';
import { faultPoint } from '../fault-point.js';
import { WaitGroup } from '../wait-group.js';
import type { JobMessage } from './job-message.js';
import { errorText } from '../../errors/error-text.js';

/** A job's part in a transaction. */
export interface JobParticipant extends TransactionParticipant {
  /** The manager knows the job, by this message. */
  isPrepared(prepared: PreparedJob, message: JobMessage): void;
}

/**
 * Tells the transaction manager how the transactions of its jobs ended.
 *
 * It works in the background: the caller has committed, and must neither wait for the network nor get an error of
 * the library. What is not told here is found by recovery. Shutdown waits for what is under way.
 */
export class TransactionSettler {
  private readonly logger = new LineLogger(TransactionSettler.name);
  private readonly underWay = new WaitGroup();

  constructor(
    private readonly manager: TransactionManager,
    /** Bounds what the application has written, and throws when it takes longer. */
    private readonly inTime: <T>(what: string, work: () => Promise<T>) => Promise<T>,
  ) {}

  participant(message: JobMessage, transaction: TransactionContext): JobParticipant {
    const { gid } = message;
    let [told, known]: [JobMessage, PreparedJob | undefined] = [message, undefined];
    const settle = (work: (prepared: PreparedJob) => Promise<void>): void => {
      const prepared = known;
      if (prepared) void this.run(gid, () => work(prepared));
    };
    return {
      gid,
      isPrepared: (prepared, by) => {
        known = prepared;
        told = prepared.needsNoSteps ? { ...by, steps: [] } : by;
      },
      committed: () => settle((prepared) => this.submit(told, prepared)),
      rolledBack: () => settle((prepared) => this.manager.abort(told, prepared)),
      inDoubt: () => settle((prepared) => this.decide(told, prepared, transaction)),
    };
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
    // A context of the application may never answer, and closing waits for what is under way.
    const outcome = await this.inTime('The TransactionContext', () =>
      transaction.queryPrepared(prepared.barrierGid ?? message.gid),
    );
    if (outcome === 'committed') await this.submit(message, prepared);
    else await this.manager.abort(message, prepared);
  }

  private run(gid: string, work: () => Promise<void>): Promise<void> {
    return detached(() =>
      this.underWay.run(async () => {
        try {
          await work();
        } catch (error) {
          this.logger.warn(
            `Job ${gid} could not be handed over at the end of its transaction; recovery will settle it: ${errorText(error)}`,
          );
        }
      }),
    );
  }
}
