import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { QueryRunnerObserver } from '../transactions/query-runner.observer.js';
import { depthOf, type AmbientFrame } from '../transactions/surroundings.js';
import { TypeOrmTransactionResolver } from '../transactions/typeorm.transaction-resolver.js';

/** Of a transaction that the application begins within that of the test. */
const WITHIN_THE_TEST = 2;

/**
 * Libraries for tests keep a transaction around each test and roll it back: what the application begins is a savepoint in
 * it, whose release is what the application takes for its commit.
 */
export class TestingTransactionResolver extends TypeOrmTransactionResolver {
  protected override commitDepthOf(runner: QueryRunnerLike, frame: AmbientFrame | undefined): number {
    if (QueryRunnerObserver.isKept(runner)) return Math.min(WITHIN_THE_TEST, depthOf(runner));
    return frame?.outermostDepth ?? 1;
  }
}
