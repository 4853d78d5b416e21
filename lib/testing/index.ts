export { SteppingTesting, type CrashOptions, type SteppingTestingOptions } from './stepping-testing.js';
export type { OverridableModule } from './override-providers.js';
export type { AttemptReport } from './test-process.js';
export type { DrainOptions, DrainResult } from './drain.js';
export type { ExpectedJob, PartOf, PartOfArguments } from './job-expectation.js';
export type { FaultPoint } from '../core/fault-point.js';
export * from './testing.errors.js';
