import { WaitGroup } from '../core/wait-group.js';
import type { TransactionParticipant } from '../core/transactions/transaction-context.js';
import { CommitRefusedError, ConnectionStreamingError } from '../errors/index.js';
import type { ConnectionProbe, DeferredStatement } from '../store/connections/connection-probe.js';

interface Entry {
  readonly participant: TransactionParticipant;
  /** The number of savepoints open around the start, plus one. */
  depth: number;
  /** The commit at this depth is the participant's. */
  readonly commitDepth: number;
  /** It is not certain which savepoint the job belongs to. */
  doubtful: boolean;
}

export type ObservedOutcome = 'committed' | 'rolledBack' | 'inDoubt';

/** A transaction that carries jobs, from the first job to its end. */
export class ObservedTransaction {
  private entries: Entry[] = [];
  private refusal: { gid: string; error: unknown } | undefined;
  private probe: ConnectionProbe | undefined;
  private idleAtStart = 0;

  /** Starts in progress. When one fails that nobody awaits, the COMMIT is refused. */
  readonly starts = new WaitGroup();
  /** Its end has begun: it takes no more jobs. */
  closed = false;
  /** After this, a rollback no longer proves that nothing was committed. */
  commitSent = false;
  settled = false;
  private doubtful = false;
  private readonly lastWork = new Map<unknown, { items: unknown[]; run(): Promise<void> }>();

  /** From here on, the connection itself is asked too. */
  attach(probe: ConnectionProbe): void {
    this.probe = probe;
    this.idleAtStart = probe.idleCount();
  }

  /** @throws ConnectionStreamingError while a stream is read on the connection. */
  assertIdle(gid: string): void {
    if (this.probe?.streaming()) throw new ConnectionStreamingError(gid);
  }

  /** Only the database can tell from now on how the transaction ends. */
  doubt(): void {
    this.doubtful = true;
  }

  /** Checks whether the connection has been outside any transaction since the first job. */
  checkConnection(): void {
    if (!this.probe || this.probe.idleCount() !== this.idleAtStart || this.outside) this.doubt();
  }

  /** Whether everything since the first job is, as far as is known, in one open transaction. */
  get intact(): boolean {
    this.checkConnection();
    return !this.doubtful && !this.settled;
  }

  /** Whether the connection reports that its last statement ran outside any transaction. */
  get outside(): boolean {
    return this.probe?.inTransaction() === false;
  }

  /** What a COMMIT without an error did. */
  commitOutcome(): ObservedOutcome {
    const answer = this.probe?.commitAnswer();
    if (answer === undefined) return 'inDoubt';
    return answer === 'COMMIT' ? 'committed' : 'rolledBack';
  }

  /** Runs the start of a job. The end of the transaction waits for it. */
  async enlist<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    this.entries.push(entry);
    return this.starts.run(async () => {
      try {
        return await work();
      } catch (error) {
        this.entries = this.entries.filter((other) => other !== entry);
        if (this.closed) this.refuse(entry.participant.gid, error);
        throw error;
      }
    });
  }

  /** The transaction must not commit, whatever the caller does with the error. */
  refuse(gid: string, error: unknown): void {
    this.refusal ??= { gid, error };
  }

  /** Defers a statement to the COMMIT. Undefined where that is not possible. */
  defer(statement: DeferredStatement): { readonly full: Promise<void> | undefined } | undefined {
    const deferred = this.probe?.deferred;
    if (!deferred?.open) return undefined;
    return { full: deferred.add(statement) };
  }

  /** Forgets the deferred statements. */
  dropDeferred(): void {
    this.probe?.deferred?.drop();
  }

  /** See `TransactionContext.beforeCommit()`. */
  beforeCommit<T>(work: (items: readonly T[]) => Promise<void>, item: T): void {
    const same = this.lastWork.get(work);
    if (same) return void same.items.push(item);
    const items = [item];
    this.lastWork.set(work, { items, run: () => work(items) });
  }

  async doLastWork(): Promise<void> {
    for (const { run } of this.lastWork.values()) await run();
  }

  assertCommittable(): void {
    if (this.refusal) throw new CommitRefusedError([this.refusal.gid], { cause: this.refusal.error });
  }

  savepointReleased(depth: number): void {
    for (const entry of this.entries) if (entry.depth >= depth) entry.depth = depth - 1;
    const done = this.entries.filter((entry) => entry.depth < entry.commitDepth);
    if (done.length === 0) return;
    this.entries = this.entries.filter((entry) => !done.includes(entry));
    for (const { participant } of done) participant.committed();
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
