export { SteppingModule } from './stepping.module.js';
export type {
  SteppingModuleAsyncOptions,
  SteppingModuleOptions,
  SteppingOptions,
  SteppingOptionsFactory,
} from './stepping.options.js';

export { Step, type StepDecorator, type StepOptions } from './core/steps/step.decorator.js';
export { type StepHandler, type StepContext, StepStop } from './core/steps/step-context.js';
export type { StepArguments, StepCall, StepClass } from './core/steps/step-class.js';
export type { StepOverrides, StoredOverrides } from './core/steps/step-overrides.js';
export type { RetryPolicy, RetryPolicyOptions } from './core/steps/retry-policy.js';
export { HttpRequestStep } from './core/http/http-request.step.js';
export type { HttpRequestArguments, HttpSecret } from './core/http/http-request.arguments.js';
export type { HttpOptions } from './core/http/http-options.js';
export type { ByteSize } from './core/byte-size.js';
export type { Duration } from './core/duration.js';

export type { PayloadCodec, PayloadContext } from './core/payloads/payload-codec.js';
export { aesGcmCodec, type AesGcmCodecOptions } from './core/payloads/aes-gcm.codec.js';
export type { CodecKeySource, KeyLike } from './core/payloads/codec-keys.js';
export { OnSteppingEvent, type SteppingEventDecorator } from './core/events/on-stepping-event.decorator.js';
export type { SteppingEventName, SteppingEvents } from './core/events/stepping-events.js';

export { StepExecutor } from './core/steps/step.executor.js';
export { StepRegistry } from './core/steps/step.registry.js';
export type { StepAttempt, StepOutcome } from './core/steps/step-attempt.js';

export { DistributedJobFactory, type CreateJobOptions } from './core/jobs/distributed-job.factory.js';
export {
  DistributedJob,
  MAX_JOB_BYTES,
  MAX_JOB_STEPS,
  type StartedJob,
} from './core/jobs/distributed-job.js';
export { DistributedJobs } from './core/jobs/distributed-jobs.js';
export type {
  RecoveryState,
  JobFilter,
  JobInfo,
  JobPage,
  StepInfo,
  StepStatus,
  JobStatus,
} from './core/jobs/job-info.js';
export type {
  AuditAction,
  AuditEntry,
  AuditFilter,
  AuditPage,
  BulkOptions,
  BulkResult,
  BulkRetryOptions,
  JobExplanation,
  JobReason,
  JobReasonCode,
  RetryJobOptions,
  SkipStepOptions,
} from './core/jobs/job-operations.js';
export type { MissingStore } from './core/jobs/missing-store.js';
export type { BrakeOptions } from './core/operations/brake-options.js';
export type { ActionNote } from './core/operations/action-note.js';
export type {
  AttemptNumbers,
  BoundedCount,
  BusyAttempt,
  DurationNumbers,
  FailureGroup,
  FailureGroups,
  FleetHealth,
  FleetOverview,
  HealthProblem,
  ProcessInfo,
  StepNumbers,
  StepPause,
  Timeline,
  TimelineBucket,
  TimelineQuery,
  TimeRange,
} from './core/operations/fleet-numbers.js';
export {
  SteppingOperations,
  type HealthOptions,
  type PauseOptions,
} from './core/operations/stepping-operations.js';
export type { JobMessage, StoredStep } from './core/jobs/job-message.js';

export {
  TransactionManager,
  type PreparedJob,
  type SubmittedJob,
  type TransactionManagerStrategy,
} from './core/transaction-manager.js';
export {
  TransactionContext,
  type SentStatement,
  type SqlStatement,
  type TransactionOutcome,
  type TransactionParticipant,
  type BarrierDatabase,
  type DatabaseLookup,
} from './core/transactions/transaction-context.js';
export {
  tenantTransaction,
  type TenantTransaction,
  type JobTransaction,
} from './core/transactions/transaction-resolver.js';

export { selfTm, type SelfTmAsyncOptions } from './tm/self/self-tm.strategy.js';
export type { SelfTmOptions } from './tm/self/self-tm.options.js';
export type { MonitoringOptions } from './tm/self/monitoring/monitoring.options.js';
export { steppingMigrations, type SteppingMigration } from './store/migrations/stepping-migrations.js';
export type { DataSourceResolver } from './transactions/data-source.registry.js';
export type { TableOptions } from './store/table-names.js';
export type { EntityManagerLike, QueryRunnerLike } from './core/transactions/typeorm.types.js';

export * from './errors/index.js';
