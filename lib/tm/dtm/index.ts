export { dtm, type DtmAsyncOptions } from './dtm.strategy.js';
export type { DtmOptions, DtmProtocol, DtmServerOptions, DtmTls } from './dtm.options.js';
export { dtmJob, type DtmJobOptions, type DtmJobSettings } from './dtm-job.options.js';
export * from './dtm.errors.js';
