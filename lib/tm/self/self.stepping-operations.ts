import { SteppingOperations } from '../../core/operations/stepping-operations.js';
import type { SelfTransactionManager } from './self.transaction-manager.js';

/** `SteppingOperations` over the job store of the self-TM. */
export class SelfSteppingOperations extends SteppingOperations {
  constructor(protected readonly manager: SelfTransactionManager) {
    super();
  }
}
