import type { TransactionParticipant } from '../core/transactions/transaction-context.js';
import { CommitRefusedError } from '../errors/index.js';
import type { ConnectionProbe, DeferredStatement } from '../store/connections/connection-probe.js';

interface Entry {
  readonly participant: TransactionParticipant;
  /** How many savepoints were open around the start, plus one. */
  depth: number;
  /** Its savepoint cannot be told for sure. */
  doubtful: boolean;
}

export type ObservedOutcome = 'committed' | 'rolledBack' | 'inDoubt';

/** One transaction that carries jobs, from the first job to its end. */
export class ObservedTransaction {
  private entries: Entry[] = [];
  private starting = 0;
  private waiting: (() => void)[] = [];
  private refusal: { gid: string; error: unknown } | undefined;
  private probe: ConnectionProbe | undefined;
  private idleAtStart = 0;

  /** Closed to new jobs: its end has begun. */
  closed = false;
  /** From here on a rollback is no known rollback. */
  commitSent = false;
  settled = false;
  private doubtful = false;

  /** From here on the connection itself is asked, too. */
  attach(probe: ConnectionProbe): void {
    this.probe = probe;
    this.idleAtStart = probe.idleCount();
  }

  /** Something happened after which only the database can tell what became of the transaction. */
  doubt(): void {
    this.doubtful = true;
  }

  /** Looks whether the connection was seen outside any transaction since the first job. */
  checkConnection(): void {
    if (!this.probe || this.probe.idleCount() !== this.idleAtStart || this.outside) this.doubt();
  }

  /** Whether nothing speaks against everything since the first job being in one open transaction. */
  get intact(): boolean {
    this.checkConnection();
    return !this.doubtful && !this.settled;
  }

  /** Whether the connection says that its last statement ran outside any transaction. */
  get outside(): boolean {
    return this.probe?.inTransaction() === false;
  }

  /** What a COMMIT that was answered without an error has done. */
  commitOutcome(): ObservedOutcome {
    const answer = this.probe?.commitAnswer();
    if (answer === undefined) return 'inDoubt';
    return answer === 'COMMIT' ? 'committed' : 'rolledBack';
  }

  /** Runs the start of a job; the end of the transaction waits for it. */
  async enlist<T>(
    participant: TransactionParticipant,
    depth: number,
    unsure: boolean,
    work: () => Promise<T>,
  ): Promise<T> {
    const entry: Entry = { participant, depth, doubtful: unsure };
    this.entries.push(entry);
    this.starting += 1;
    try {
      return await work();
    } catch (error) {
      this.entries = this.entries.filter((other) => other !== entry);
      if (this.closed) this.refusal ??= { gid: participant.gid, error };
      throw error;
    } finally {
      this.starting -= 1;
      if (this.starting === 0) for (const resolve of this.waiting.splice(0)) resolve();
    }
  }

  /** A job of this transaction must not be committed, whatever its caller does with the error. */
  refuse(gid: string, error: unknown): void {
    this.refusal ??= { gid, error };
  }

  /** Waits for the starts under way. Those that fail are kept for `assertCommittable()`. */
  async startsSettled(): Promise<void> {
    while (this.starting > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Lets the statement of a job travel with the COMMIT; undefined where that is not possible. */
  defer(statement: DeferredStatement): { readonly full: Promise<void> | undefined } | undefined {
    const deferred = this.probe?.deferred;
    if (!deferred?.open) return undefined;
    return { full: deferred.add(statement) };
  }

  /** What still waits for the COMMIT is not to be sent. */
  dropDeferred(): void {
    this.probe?.deferred?.drop();
  }

  assertCommittable(): void {
    if (this.refusal) throw new CommitRefusedError([this.refusal.gid], { cause: this.refusal.error });
  }

  savepointReleased(depth: number): void {
    for (const entry of this.entries) if (entry.depth >= depth) entry.depth = depth - 1;
  }

  savepointRolledBack(depth: number): void {
    const gone = this.entries.filter((entry) => entry.depth >= depth && !entry.doubtful);
    this.entries = this.entries.filter((entry) => entry.depth < depth || entry.doubtful);
    for (const { participant } of gone) {
      if (this.doubtful) participant.inDoubt();
      else participant.rolledBack();
    }
  }

  settle(outcome: ObservedOutcome): void {
    if (this.settled) return;
    this.settled = true;
    this.closed = true;
    this.dropDeferred();
    for (const { participant, doubtful } of this.entries) {
      if (outcome === 'inDoubt' || this.doubtful || doubtful) participant.inDoubt();
      else participant[outcome]();
    }
    this.entries = [];
  }
}
