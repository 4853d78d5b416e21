import type { AmbientFrame } from '../transactions/surroundings.js';
import { TypeOrmTransactionResolver } from '../transactions/typeorm.transaction-resolver.js';

/**
 * Libraries for tests keep a transaction around each test and roll it back: `transaction()` of the application is a savepoint
 * in it, whose release is what the application takes for its commit.
 */
export class TestingTransactionResolver extends TypeOrmTransactionResolver {
  protected override commitDepthOf(frame: AmbientFrame): number {
    return frame.outermostDepth;
  }
}
