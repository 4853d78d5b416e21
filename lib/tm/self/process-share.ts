import { ByteBudget } from './byte-budget.js';
import { LeaseIdentity } from './lease-identity.js';
import { ProcessSlots } from './process-slots.js';

/** What the stores of a process share. */
export class ProcessShare {
  readonly slots: ProcessSlots;
  readonly budget: ByteBudget;
  readonly identity = new LeaseIdentity();

  constructor(
    concurrency: number,
    /** In bytes, of the jobs that this process holds. */
    private readonly maxBytes: number,
    private readonly stores = 1,
  ) {
    this.slots = new ProcessSlots(concurrency, stores);
    this.budget = new ByteBudget(maxBytes, stores);
  }

  /** Of the stored steps of a page. A list asks all stores at once. */
  get maxPageBytes(): number {
    return Math.floor(this.maxBytes / 4 / this.stores);
  }
}

/** One store of several, as its runtime sees it. */
export interface StorePlace {
  readonly share: ProcessShare;
  /** The name of its `DataSource`. It stands in the idempotency keys of jobs whose gid is the caller's own. */
  readonly store: string;
}
