export * from './configuration.errors.js';
export * from './events.errors.js';
export * from './inbox.errors.js';
export * from './job.errors.js';
export * from './payload.errors.js';
export * from './step.errors.js';
export { SteppingError, type ErrorCause, type SteppingErrorOptions } from './stepping.error.js';
export * from './tm.errors.js';
export * from './transaction.errors.js';
