export { SteppingModule } from './stepping.module.js';
export type {
  SteppingModuleAsyncOptions,
  SteppingModuleOptions,
  SteppingOptions,
  SteppingOptionsFactory,
} from './interfaces/stepping-module-options.interface.js';

export { Step, type StepDecorator, type StepOptions } from './core/steps/step.decorator.js';
export type { StepHandler } from './core/steps/step-handler.interface.js';
export type { StepContext } from './core/steps/step-context.js';
export type { StepArguments, StepClass } from './core/steps/step-class.js';
export type { RetryPolicy, RetryPolicyOptions } from './core/steps/retry-policy.js';
export { HttpRequestStep } from './core/steps/http-request.step.js';
export type { HttpRequestArguments } from './core/steps/http-request.arguments.js';
export type { Duration } from './core/time/duration.js';

export { DistributedJobFactory, type CreateJobOptions } from './core/jobs/distributed-job.factory.js';
export { DistributedJob, MAX_JOB_BYTES } from './core/jobs/distributed-job.js';
export { DistributedJobs, type RecoveryState } from './core/jobs/distributed-jobs.js';
export type { JobFilter, JobInfo, JobPage, StepInfo, StepStatus } from './core/jobs/job-info.js';
export type { JobMessage, StoredStep } from './core/jobs/job-message.js';
export type { JobStatus } from './core/jobs/job-status.js';

export { TransactionManager, type PreparedJob } from './core/tm/transaction-manager.js';
export type { TransactionManagerStrategy } from './core/tm/transaction-manager-strategy.js';
export {
  TransactionContext,
  type TransactionOutcome,
  type TransactionParticipant,
} from './core/tm/transaction-context.js';
export { tenantTransaction, type TenantTransaction } from './core/tm/tenant-transaction.js';
export type { JobTransaction } from './core/tm/transaction-resolver.js';
export type { BarrierDatabase } from './core/tm/barrier-database.js';
export type { DatabaseLookup } from './core/tm/database-lookup.js';

export { selfTm, type SelfTmAsyncOptions } from './tm/self/self-tm.strategy.js';
export type { SelfTmOptions } from './tm/self/self-tm.options.js';
export { steppingMigrations, type SteppingMigration } from './db/migrations/stepping-migrations.js';
export type { DataSourceResolver } from './db/data-source.registry.js';
export type { TableOptions } from './db/dialects/table-names.js';
export type { EntityManagerLike, QueryRunnerLike } from './db/typeorm.types.js';

export * from './errors/index.js';
