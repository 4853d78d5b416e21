import { InvalidOptionError } from '../../errors/index.js';
import type { ByteSize } from '../../core/byte-size.js';
import { MAX_STORED_DURATION_MS, type Duration } from '../../core/duration.js';
import { monitoringOption, type MonitoringOptions } from './monitoring/monitoring.options.js';
import {
  booleanOption,
  byteSizeOption,
  checkedOption,
  durationOption,
  integerOption,
  readOptions,
  type OptionsOf,
} from '../../core/options.js';

/**
 * Settings of the self-TM. Durations are milliseconds, or texts such as `'30s'`.
 *
 * @publicApi
 */
export interface SelfTmOptions {
  /**
   * The name of the `DataSource` that jobs are stored in. With several names, each of these keeps the jobs of its own transactions; all
   * other jobs are kept in the first. Default: the application's default one.
   */
  readonly dataSource?: string | readonly string[];
  /**
   * `'typeorm'` keeps jobs in the database. `'memory'` keeps them in this process, for tests and demonstrations: a
   * restart loses them. Default: `'typeorm'` when the application has a `DataSource`, else `'memory'` with a warning.
   */
  readonly store?: 'typeorm' | 'memory';
  /**
   * How many jobs run at once in this process. Default: 32. The start warns when the pool of the `DataSource` has fewer
   * connections; with the default, when it has fewer than the 10 that a driver's own default gives it.
   */
  readonly concurrency?: number;
  /** How long a process keeps a job without renewing its claim; it renews while the job runs. Default: 30 s. */
  readonly leaseDuration?: Duration;
  /** How often a process looks for due jobs. Default: 1 s. */
  readonly recoveryInterval?: Duration;
  /**
   * After this time, the library asks the database of a prepared job how its transaction ended, if nobody has submitted
   * the job. Default: 10 s.
   */
  readonly queryPreparedAfter?: Duration;
  /**
   * How long jobs are kept after they succeeded, were canceled or rolled back. Failed ones stay until they
   * are retried or canceled. Default: 7 days.
   */
  readonly retention?: Duration;
  /** How long a step may take to end after its signal (time-out, shutdown). Default: 10 s. */
  readonly gracePeriod?: Duration;
  /**
   * How long one of the library's own statements may take, and the wait for a connection from the pool. A connection that
   * has not answered by then is closed. Migrations are exempt. Default: 10 s.
   */
  readonly statementTimeout?: Duration;
  /**
   * How much the jobs that this process holds may take as they are stored, those that run and those that wait. One claim, and
   * one page of a list, takes a quarter of it. A larger job is run all the same, with no other one beside it. A number of
   * bytes, or a text such as `'64MB'`. Default: 64 MB.
   */
  readonly maxBytes?: ByteSize;
  /** With `false`, this process only starts jobs, and other processes run them. Default: `true`. */
  readonly runSteps?: boolean;
  /**
   * Whether this process tells the others of itself, and what it has counted: what `SteppingOperations` reads. `false` writes nothing to
   * the tables `processes` and `stats`, and reads nothing from them. Default: `true`.
   */
  readonly monitoring?: boolean | MonitoringOptions;
}

/** With shorter leases, a busy event loop or a slow disk makes healthy processes lose them. */
const MIN_LEASE_MS = 200;
const MIN_STATEMENT_MS = 100;
const MAX_LEASE_MS = 24 * 3600 * 1000;
const MAX_INTERVAL_MS = 3600 * 1000;
const MIN_BYTES = 1024;
const MAX_BYTES = 1024 ** 4;

/** Most steps spend most of their time elsewhere than in the database. */
export const DEFAULT_CONCURRENCY = 32;

const OPTIONS = {
  dataSource: checkedOption<string | readonly string[]>(
    (value) => isName(value) || isListOfNames(value),
    'the name of a DataSource, or a list of different names',
  ),
  store: checkedOption<'typeorm' | 'memory'>(
    (value) => value === 'typeorm' || value === 'memory',
    "'typeorm' or 'memory'",
  ),
  concurrency: integerOption(undefined, 1, 10_000),
  leaseDuration: durationOption('30s', { min: MIN_LEASE_MS, max: MAX_LEASE_MS }),
  recoveryInterval: durationOption('1s', { min: 10, max: MAX_INTERVAL_MS }),
  queryPreparedAfter: durationOption('10s', { min: 10, max: MAX_LEASE_MS }),
  retention: durationOption('7d', { max: MAX_STORED_DURATION_MS }),
  gracePeriod: durationOption('10s', { max: MAX_INTERVAL_MS }),
  statementTimeout: durationOption('10s', { min: MIN_STATEMENT_MS, max: MAX_INTERVAL_MS }),
  maxBytes: byteSizeOption('64MB', MIN_BYTES, MAX_BYTES),
  runSteps: booleanOption(true),
  monitoring: monitoringOption,
};

/** The settings after the check: each has a value, and durations are milliseconds. */
export interface ResolvedSelfTmOptions extends Omit<OptionsOf<typeof OPTIONS>, 'dataSource'> {
  /** The name of the `DataSource` that keeps the jobs; of several, the first. Undefined for the default one. */
  readonly dataSource: string | undefined;
  /** The names of all that keep jobs, where they are several. */
  readonly stores?: readonly string[] | undefined;
}

/** @throws InvalidOptionError for an unknown option, or a value that cannot be used. */
export function resolveSelfTmOptions(options: SelfTmOptions = {}): ResolvedSelfTmOptions {
  const { dataSource, ...others } = readOptions(options, 'selfTm', OPTIONS);
  const names = dataSource === undefined ? [] : [dataSource].flat();
  if (names.length > 0 && others.store === 'memory')
    throw new InvalidOptionError('selfTm.dataSource', dataSource, "none with store: 'memory'");
  const resolved = { ...others, dataSource: names[0] };
  if (names.length < 2) return resolved;
  return { ...resolved, stores: names };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isListOfNames(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every(isName) && new Set(value).size === value.length
  );
}
