import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import type { OperatorAction, OperatorAnswer, OperatorCall } from './operator-call.js';
import type { JobPlan } from './plan.js';

export type Outcome = 'committed' | 'rolledBack' | 'error' | 'unknown';

/** What the client knows of one job. */
export interface LedgerEntry {
  readonly plan: JobPlan;
  /** `unknown` until it is answered, and forever if the process died first. */
  outcome: Outcome;
  gid: string | null;
  error: string | undefined;
  canceled: boolean;
}

const SYNC_MS = 50;

/**
 * The client's own record of its requests and their answers. It is appended to a file and synced, so it does not depend on
 * the application or its databases.
 */
export class Ledger {
  readonly entries = new Map<string, LedgerEntry>();
  /** What an operator asked for. */
  readonly calls = new Map<number, OperatorCall>();
  private readonly file: number;
  private readonly timer: NodeJS.Timeout;
  private dirty = false;

  constructor(path: string) {
    this.file = openSync(path, 'a');
    this.timer = setInterval(() => this.sync(), SYNC_MS);
    this.timer.unref();
  }

  /** Recorded before the request is sent. */
  asked(plan: JobPlan): LedgerEntry {
    const gid = plan.ownGid ? plan.order : null;
    const entry: LedgerEntry = { plan, outcome: 'unknown', gid, error: undefined, canceled: false };
    this.entries.set(plan.order, entry);
    this.append({ asked: plan });
    return entry;
  }

  answered(order: string, outcome: Outcome, gid: string | null, error?: string): void {
    const entry = this.entries.get(order);
    if (!entry) return;
    Object.assign(entry, { outcome, error, ...(gid !== null && { gid }) });
    this.append({ answered: order, outcome, gid, error });
  }

  /** Recorded before the order is sent. */
  ordered(worker: string, action: OperatorAction): OperatorCall {
    const id = this.calls.size + 1;
    const call: OperatorCall = { id, worker, action, outcome: 'unknown' };
    this.calls.set(id, call);
    this.append({ ordered: id, worker, action });
    return call;
  }

  /** It is about to be carried out, or has been. */
  told(id: number, answer: OperatorAnswer): void {
    Object.assign(this.calls.get(id)!, answer);
    this.append({ told: id, ...answer });
  }

  close(): void {
    clearInterval(this.timer);
    this.sync();
    closeSync(this.file);
  }

  private append(line: object): void {
    writeSync(this.file, `${JSON.stringify(line)}\n`);
    this.dirty = true;
  }

  private sync(): void {
    if (this.dirty) fdatasyncSync(this.file);
    this.dirty = false;
  }
}
