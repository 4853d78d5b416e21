import type { JobInfo } from '../core/jobs/job-info.js';
import { resolveRetryPolicy, type ResolvedRetryPolicy } from '../core/steps/retry-policy.js';
import type { DataSourceResolver } from '../db/data-source.registry.js';
import { resolveTableNames, type TableOptions } from '../db/dialects/table-names.js';
import { InvalidOptionError } from '../errors/index.js';
import type { SteppingOptions } from './stepping-module-options.interface.js';

/** The module's settings as the library uses them: complete and checked. */
export interface ResolvedSteppingOptions {
  readonly autoMigrate: boolean;
  readonly tables: TableOptions;
  readonly retry: ResolvedRetryPolicy;
  readonly requireTransaction: boolean | 'warn';
  readonly dataSourceResolver: DataSourceResolver | undefined;
  readonly onJobFailed: ((job: JobInfo, error: unknown) => unknown) | undefined;
}

const OPTIONS = new Set([
  'autoMigrate',
  'tables',
  'retry',
  'requireTransaction',
  'dataSourceResolver',
  'onJobFailed',
  'transactionManager',
  'isGlobal',
]);

/** @throws InvalidOptionError for an unknown option, or a value that cannot be. */
export function resolveSteppingOptions(options: SteppingOptions = {}): ResolvedSteppingOptions {
  for (const option of Object.keys(options)) {
    if (!OPTIONS.has(option))
      throw new InvalidOptionError(option, undefined, `one of ${[...OPTIONS].join(', ')}`);
  }
  const {
    autoMigrate = true,
    tables = {},
    requireTransaction = false,
    dataSourceResolver,
    onJobFailed,
  } = options;
  if (typeof autoMigrate !== 'boolean')
    throw new InvalidOptionError('autoMigrate', autoMigrate, 'true or false');
  if (typeof requireTransaction !== 'boolean' && requireTransaction !== 'warn') {
    throw new InvalidOptionError('requireTransaction', requireTransaction, "true, false or 'warn'");
  }
  for (const [option, value] of Object.entries({ dataSourceResolver, onJobFailed })) {
    if (value !== undefined && typeof value !== 'function')
      throw new InvalidOptionError(option, value, 'a function');
  }
  resolveTableNames(tables);
  return {
    autoMigrate,
    tables,
    retry: resolveRetryPolicy(options.retry, 'retry'),
    requireTransaction,
    dataSourceResolver,
    onJobFailed,
  };
}
