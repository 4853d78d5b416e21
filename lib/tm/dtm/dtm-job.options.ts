import { parseDuration, type Duration } from '../../core/duration.js';
import {
  booleanOption,
  readOptions,
  requireOptions,
  type OptionReader,
  entriesOf,
} from '../../core/options.js';
import { InvalidOptionError } from '../../errors/index.js';

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
   * step and no idempotency key; the job's `headers` go to the endpoint. HTTP protocol only, and not with the option `http`
   * of the module. Default: `false`.
   */
  readonly directHttpSteps?: boolean;
}

export const DEFAULT_JOB_OPTIONS = {
  requestTimeout: 30,
  /** 0: the server's own. */
  retryInterval: 0,
  queryPreparedAfter: 9,
  headers: {} as Readonly<Record<string, string>>,
  waitResult: false,
  directHttpSteps: false,
};

/** The settings of a job, complete and checked; times in whole seconds. */
export type ResolvedDtmJobOptions = Readonly<typeof DEFAULT_JOB_OPTIONS>;

/** Readers of a job's options, which take from `defaults` what is left out. */
export function jobOptionsOver(defaults: ResolvedDtmJobOptions) {
  return {
    // A longer time is probably in the wrong unit, and one such step holds DTM up for hours.
    requestTimeout: secondsOption(defaults.requestTimeout, 2, 3600),
    retryInterval: secondsOption(defaults.retryInterval, 1, 24 * 3600),
    queryPreparedAfter: secondsOption(defaults.queryPreparedAfter, 1, 24 * 3600),
    headers: (value: unknown, option: string) => ({
      ...defaults.headers,
      ...checkBranchHeaders(value, option),
    }),
    waitResult: booleanOption(defaults.waitResult),
    directHttpSteps: booleanOption(defaults.directHttpSteps),
  };
}

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
    return readOptions(this.options, 'dtmJob', jobOptionsOver(defaults));
  }
}

/**
 * Settings of one job: `createJob({ manager: dtmJob({ waitResult: true }) })`.
 *
 * @throws InvalidOptionError for settings that cannot be.
 * @publicApi
 */
export function dtmJob(options: DtmJobOptions): DtmJobSettings {
  requireOptions(options, 'dtmJob');
  const settings = new DtmJobSettings({ ...options });
  // Checked here too, where a mistake is made.
  settings.over(DEFAULT_JOB_OPTIONS);
  return settings;
}

/** DTM counts in whole seconds. A fraction is refused rather than to wait longer or shorter than was written. */
function secondsOption(fallback: number, min: number, max: number): OptionReader<number> {
  return (value, option) => {
    if (value === undefined) return fallback;
    const seconds = parseDuration(value, option, { min: min * 1000, max: max * 1000 }) / 1000;
    if (Number.isInteger(seconds)) return seconds;
    throw new InvalidOptionError(option, value, "a whole number of seconds, such as 2000 or '2s'");
  };
}

const NAME = /^[0-9a-z_.-]+$/;
/** Printable ASCII: DTM cannot send anything else, and would try for ever. */
const VALUE = /^[\u0020-\u007e]*$/;
/** The library's own, and those that DTM, HTTP or gRPC set: they would be dropped, doubled or overridden. */
const RESERVED = /^(?:dtm-|grpc-|stepping-|:)|-bin$/;
const TRANSPORT = /^(?:accept|connection|content-length|content-type|host|te|transfer-encoding|user-agent)$/;

/**
 * Checks headers that DTM is to send with every callback, names in lower case.
 *
 * @throws InvalidOptionError for one that DTM could not send, or that would not arrive as it was given.
 */
export function checkBranchHeaders(headers: unknown, option: string): Readonly<Record<string, string>> {
  const checked: Record<string, string> = {};
  for (const [given, value] of entriesOf(headers, option)) {
    const name = given.toLowerCase();
    const place = `${option}[${JSON.stringify(given)}]`;
    if (!NAME.test(name)) throw new InvalidOptionError(place, given, 'a name of letters, digits and - _ .');
    if (RESERVED.test(name) || TRANSPORT.test(name)) {
      throw new InvalidOptionError(place, given, 'a name that neither DTM nor its transport uses itself');
    }
    if (Object.hasOwn(checked, name)) throw new InvalidOptionError(place, given, 'each name once');
    if (typeof value !== 'string' || !VALUE.test(value)) {
      // Not the value: it may be secret.
      throw InvalidOptionError.hidden(place, value, 'a text of printable ASCII; encode other characters');
    }
    checked[name] = value;
  }
  return checked;
}
