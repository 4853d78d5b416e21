import { MAX_STORED_DURATION_MS, parseDuration, type Duration } from '../../core/duration.js';
import { InvalidOptionError } from '../../errors/index.js';

/**
 * Settings of the self-TM. Durations are milliseconds, or texts such as `'30s'`.
 *
 * @publicApi
 */
export interface SelfTmOptions {
  /** The name of the `DataSource` that jobs are stored in. Default: the application's default one. */
  readonly dataSource?: string;
  /**
   * `'typeorm'`: in the database. `'memory'`: nowhere, for tests and demonstrations; jobs do not survive a
   * restart. Default: `'typeorm'` when the application has a `DataSource`, else `'memory'` with a warning.
   */
  readonly store?: 'typeorm' | 'memory';
  /** How many jobs run at once in this process. Default: 32. */
  readonly concurrency?: number;
  /** How long a process keeps a job without renewing its claim; it renews while the job runs. Default: 30 s. */
  readonly leaseDuration?: Duration;
  /** How often due jobs are looked for. Default: 1 s. */
  readonly recoveryInterval?: Duration;
  /**
   * When the database of a prepared job that was not submitted is asked how its transaction ended.
   * Default: 10 s.
   */
  readonly queryPreparedAfter?: Duration;
  /**
   * How long jobs are kept after they succeeded, were canceled or rolled back. Failed ones stay until they
   * are retried or canceled. Default: 7 days.
   */
  readonly retention?: Duration;
  /** How long a step may take to end after its signal (time-out, shutdown). Default: 10 s. */
  readonly gracePeriod?: Duration;
  /** `false`: this process only starts jobs, others run them. Default: `true`. */
  readonly runSteps?: boolean;
}

/** The settings as the engine uses them: complete, checked, in milliseconds. */
export interface ResolvedSelfTmOptions {
  readonly dataSource: string | undefined;
  readonly store: 'typeorm' | 'memory' | undefined;
  readonly concurrency: number;
  readonly leaseDuration: number;
  readonly recoveryInterval: number;
  readonly queryPreparedAfter: number;
  readonly retention: number;
  readonly gracePeriod: number;
  readonly runSteps: boolean;
}

const MAX_CONCURRENCY = 10_000;
/** Below, a busy event loop or a slow disk would lose leases of healthy processes. */
const MIN_LEASE_MS = 200;
const MAX_LEASE_MS = 24 * 3600 * 1000;
const MAX_INTERVAL_MS = 3600 * 1000;

/** @throws InvalidOptionError for a value that cannot be. */
export function resolveSelfTmOptions(options: SelfTmOptions = {}): ResolvedSelfTmOptions {
  const { store, concurrency = 32, dataSource, runSteps = true } = options;
  if (store !== undefined && store !== 'typeorm' && store !== 'memory') {
    throw new InvalidOptionError('selfTm.store', store, `'typeorm' or 'memory'`);
  }
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
    throw new InvalidOptionError(
      'selfTm.concurrency',
      concurrency,
      `a whole number from 1 to ${MAX_CONCURRENCY}`,
    );
  }
  if (dataSource !== undefined && (typeof dataSource !== 'string' || dataSource === '')) {
    throw new InvalidOptionError('selfTm.dataSource', dataSource, 'the name of a DataSource');
  }
  if (typeof runSteps !== 'boolean')
    throw new InvalidOptionError('selfTm.runSteps', runSteps, 'true or false');
  const duration = (name: keyof SelfTmOptions, fallback: Duration, min: number, max?: number) =>
    parseDuration(options[name] ?? fallback, `selfTm.${name}`, max === undefined ? { min } : { min, max });
  return {
    dataSource,
    store,
    concurrency,
    leaseDuration: duration('leaseDuration', '30s', MIN_LEASE_MS, MAX_LEASE_MS),
    recoveryInterval: duration('recoveryInterval', '1s', 10, MAX_INTERVAL_MS),
    queryPreparedAfter: duration('queryPreparedAfter', '10s', 10, MAX_LEASE_MS),
    retention: duration('retention', '7d', 0, MAX_STORED_DURATION_MS),
    gracePeriod: duration('gracePeriod', '10s', 0, MAX_INTERVAL_MS),
    runSteps,
  };
}
