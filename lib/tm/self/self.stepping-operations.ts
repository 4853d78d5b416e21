import type { ActionNote } from '../../core/operations/action-note.js';
import { SteppingOperations, type PauseOptions } from '../../core/operations/stepping-operations.js';
import type { SelfTransactionManager } from './self.transaction-manager.js';

/** `SteppingOperations` over the job store of the self-TM. */
export class SelfSteppingOperations extends SteppingOperations {
  constructor(protected readonly manager: SelfTransactionManager) {
    super();
  }

  override async pause(step: string, options: PauseOptions): Promise<void> {
    const { steering } = await this.manager.runtime();
    await steering.pauses.pause(step, options);
  }

  override async resume(step: string, note?: ActionNote): Promise<boolean> {
    const { steering } = await this.manager.runtime();
    return steering.pauses.resume(step, note);
  }
}
