import type { Fleet } from './fleet.js';
import type { Ledger } from './ledger.js';
import type { OperatorAction, OperatorAnswer, OperatorCall } from './operator-call.js';
import type { WorkerMessage, WorkerProcess } from './process.js';

/** Gives orders to whichever process serves, one at a time to each, and records what is answered. */
export class Operator {
  private readonly open = new Map<
    WorkerProcess,
    { readonly call: OperatorCall; readonly done: () => void }
  >();

  constructor(
    private readonly fleet: Fleet,
    private readonly ledger: Ledger,
  ) {
    fleet.onMessage((worker, message) => this.read(worker, message));
    fleet.onEnd((worker) => this.forget(worker));
  }

  /** Processes that serve, and that have no order. */
  get idle(): WorkerProcess[] {
    return this.fleet.current.filter((worker) => worker.usable && !this.open.has(worker));
  }

  /** Resolves once it is answered, or once its process has ended. */
  order(worker: WorkerProcess, action: OperatorAction): Promise<OperatorCall> {
    const call = this.ledger.ordered(worker.name, action);
    return new Promise((resolve) => {
      this.open.set(worker, { call, done: () => resolve(call) });
      worker.send({ operate: { id: call.id, action } });
    });
  }

  private read(worker: WorkerProcess, { type, id, answer }: WorkerMessage): void {
    if (type !== 'operating' && type !== 'operated') return;
    this.ledger.told(Number(id), answer as OperatorAnswer);
    if (type === 'operated') this.forget(worker);
  }

  private forget(worker: WorkerProcess): void {
    const open = this.open.get(worker);
    this.open.delete(worker);
    open?.done();
  }
}
