import type { Duration } from '../../../core/duration.js';
import { durationOption, isRecord, readOptions, type OptionReader } from '../../../core/options.js';
import { InvalidOptionError } from '../../../errors/index.js';

/**
 * How often a process tells of itself.
 *
 * @publicApi
 */
export interface MonitoringOptions {
  /** How often it tells that it is alive, with one UPDATE. After three times as long without a word it counts as gone. Default: 10 s. */
  readonly heartbeat?: Duration;
  /** How often it writes what it has counted, if anything. Default: 15 s. */
  readonly flush?: Duration;
}

/** Milliseconds. */
export interface ResolvedMonitoring {
  readonly heartbeat: number;
  readonly flush: number;
}

const RANGE = { min: 100, max: 3600 * 1000 };
const OPTIONS = { heartbeat: durationOption('10s', RANGE), flush: durationOption('15s', RANGE) };

/** `false` where nothing is written. */
export const monitoringOption: OptionReader<ResolvedMonitoring | false> = (value = true, option) => {
  if (value === false) return false;
  if (value === true) return readOptions({}, option, OPTIONS);
  if (isRecord(value)) return readOptions(value, option, OPTIONS);
  throw new InvalidOptionError(option, value, 'true, false, or an object with heartbeat and flush');
};
