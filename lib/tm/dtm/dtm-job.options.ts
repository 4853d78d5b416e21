import type { Duration } from '../../core/duration.js';
import { InvalidOptionError } from '../../errors/index.js';
import { checkBranchHeaders } from './branch-headers.js';
import { wholeSeconds } from './whole-seconds.js';

/**
 * Settings of one job at DTM; `dtm()` takes the first four as defaults for all jobs. Durations are whole
 * seconds, written as milliseconds or as texts such as `'30s'`.
 *
 * @publicApi
 */
export interface DtmJobOptions {
  /**
   * How long DTM waits for the answer of a step, or of a query-back: 2 s to 1 h. The step's signal aborts
   * when it is over. DTM repeats failed steps one after the other, so a step that hangs holds all of them up
   * for that long: keep it short. Default: 30 s.
   */
  readonly requestTimeout?: Duration;
  /**
   * The wait while a step says that it has not finished. After a failed attempt DTM waits twice as long, after
   * the next four times, and so on without a limit. DTM also looks again that soon at a job whose first attempt is
   * still under way, so it had better be longer than the steps take. Default: what the server is configured to,
   * usually 10 s.
   */
  readonly retryInterval?: Duration;
  /**
   * The age at which DTM asks the database of a job that was prepared and not submitted how its transaction
   * ended. Below DTM's own retry interval of 10 s the question comes soon after that age; above, up to a
   * retry interval later. Default: 9 s.
   */
  readonly queryPreparedAfter?: Duration;
  /**
   * Headers that DTM sends with every callback, and to every `HttpRequestStep` that it calls itself. DTM keeps
   * and logs them in clear and shows them to everybody who reaches its API: put no secrets into them.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Outside a transaction `start()`, and `submit()` by hand, resolve when DTM has tried every step once. If they
   * did not all succeed that is logged, and DTM goes on. Inside a transaction nobody waits. Default: `false`.
   */
  readonly waitResult?: boolean;
  /**
   * DTM itself calls the endpoints of the `HttpRequestStep`s of this job, instead of this application. It takes
   * only the status 200 for a success, and sends POST with a JSON body or GET without one, no headers of the
   * step and no idempotency key; the job's `headers` go to the endpoint. HTTP protocol only. Default: `false`.
   */
  readonly directHttpSteps?: boolean;
}

/** The settings of a job, complete and checked; times in whole seconds. */
export interface ResolvedDtmJobOptions {
  readonly requestTimeout: number;
  /** 0: the server's own. */
  readonly retryInterval: number;
  readonly queryPreparedAfter: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly waitResult: boolean;
  readonly directHttpSteps: boolean;
}

const OPTIONS: readonly string[] = [
  'requestTimeout',
  'retryInterval',
  'queryPreparedAfter',
  'headers',
  'waitResult',
  'directHttpSteps',
];

export const DEFAULT_JOB_OPTIONS: ResolvedDtmJobOptions = {
  requestTimeout: 30,
  retryInterval: 0,
  queryPreparedAfter: 9,
  headers: {},
  waitResult: false,
  directHttpSteps: false,
};

/**
 * The settings of one job, as `createJob({ manager })` takes them. Made by `dtmJob()`.
 *
 * @publicApi
 */
export class DtmJobSettings {
  constructor(
    /** The settings that were given. */
    readonly options: DtmJobOptions,
  ) {}

  /** @internal These settings, laid over the defaults. */
  over(defaults: ResolvedDtmJobOptions): ResolvedDtmJobOptions {
    return resolveJobOptions(this.options, 'dtmJob', defaults);
  }
}

/**
 * Settings of one job: `createJob({ manager: dtmJob({ waitResult: true }) })`.
 *
 * @throws InvalidOptionError for settings that cannot be.
 * @publicApi
 */
export function dtmJob(options: DtmJobOptions): DtmJobSettings {
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) {
    throw new InvalidOptionError(`dtmJob.${unknown}`, undefined, `one of ${OPTIONS.join(', ')}`);
  }
  // Mistakes show where they are made.
  resolveJobOptions(options, 'dtmJob', DEFAULT_JOB_OPTIONS);
  return new DtmJobSettings({ ...options });
}

/** @throws InvalidOptionError. */
export function resolveJobOptions(
  options: DtmJobOptions,
  place: string,
  defaults: ResolvedDtmJobOptions,
): ResolvedDtmJobOptions {
  const seconds = (
    name: 'requestTimeout' | 'retryInterval' | 'queryPreparedAfter',
    range: { readonly min: number; readonly max: number },
  ): number => {
    const value = options[name];
    return value === undefined ? defaults[name] : wholeSeconds(value, `${place}.${name}`, range);
  };
  const { waitResult = defaults.waitResult, directHttpSteps = defaults.directHttpSteps } = options;
  for (const [name, value] of Object.entries({ waitResult, directHttpSteps })) {
    if (typeof value !== 'boolean') throw new InvalidOptionError(`${place}.${name}`, value, 'true or false');
  }
  return {
    // A longer one is a duration in the wrong unit rather than meant: one such step holds DTM up for hours.
    requestTimeout: seconds('requestTimeout', { min: 2, max: 3600 }),
    retryInterval: seconds('retryInterval', { min: 1, max: 24 * 3600 }),
    queryPreparedAfter: seconds('queryPreparedAfter', { min: 1, max: 24 * 3600 }),
    headers: { ...defaults.headers, ...checkBranchHeaders(options.headers, `${place}.headers`) },
    waitResult,
    directHttpSteps,
  };
}
