import { MAX_STORED_DURATION_MS, type Duration } from '../../core/duration.js';
import {
  booleanOption,
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

/** Below, a busy event loop or a slow disk would lose leases of healthy processes. */
const MIN_LEASE_MS = 200;
const MAX_LEASE_MS = 24 * 3600 * 1000;
const MAX_INTERVAL_MS = 3600 * 1000;

const OPTIONS = {
  dataSource: checkedOption<string>(
    (value) => typeof value === 'string' && value !== '',
    'the name of a DataSource',
  ),
  store: checkedOption<'typeorm' | 'memory'>(
    (value) => value === 'typeorm' || value === 'memory',
    "'typeorm' or 'memory'",
  ),
  concurrency: integerOption(32, 1, 10_000),
  leaseDuration: durationOption('30s', { min: MIN_LEASE_MS, max: MAX_LEASE_MS }),
  recoveryInterval: durationOption('1s', { min: 10, max: MAX_INTERVAL_MS }),
  queryPreparedAfter: durationOption('10s', { min: 10, max: MAX_LEASE_MS }),
  retention: durationOption('7d', { max: MAX_STORED_DURATION_MS }),
  gracePeriod: durationOption('10s', { max: MAX_INTERVAL_MS }),
  runSteps: booleanOption(true),
};

/** The settings as the engine uses them: complete, checked, in milliseconds. */
export type ResolvedSelfTmOptions = OptionsOf<typeof OPTIONS>;

/** @throws InvalidOptionError for an unknown option, or a value that cannot be used. */
export function resolveSelfTmOptions(options: SelfTmOptions = {}): ResolvedSelfTmOptions {
  return readOptions(options, 'selfTm', OPTIONS);
}
