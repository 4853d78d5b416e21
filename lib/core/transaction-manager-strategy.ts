import type { ModuleMetadata, Provider, Type } from '@nestjs/common';

/**
 * A transaction manager as the module takes it: what it adds to the application. `selfTm()` makes one; for
 * a manager of your own, provide `TransactionManager` and `DistributedJobs`.
 *
 * @publicApi
 */
export interface TransactionManagerStrategy {
  /** For messages. */
  readonly name: string;
  /** Modules that its providers need. */
  readonly imports?: ModuleMetadata['imports'];
  /** Must provide `TransactionManager` and `DistributedJobs`. */
  readonly providers: readonly Provider[];
  /** Routes that it adds to the application. */
  readonly controllers?: readonly Type[];
}
