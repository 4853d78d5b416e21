import type { Agent } from 'node:http';
import { InvalidOptionError } from '../../errors/index.js';
import type { Duration } from '../duration.js';
import { checkedOption, durationOption, functionOption, isRecord, readOptions } from '../options.js';
import { AllowedHosts } from './allowed-hosts.js';

/**
 * Settings of `HttpRequestStep`.
 *
 * @publicApi
 */
export interface HttpOptions {
  /**
   * Where requests may go: host names (`'api.partner.example'`, `'*.partner.example'`), addresses and ranges (`'10.1.0.0/16'`),
   * or `'*'` for every public host. What counts is the address that is connected to: names give access to public addresses only, and
   * private, link-local, loopback and other special addresses must be listed themselves. Default: anywhere.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Looks up the header values that are written as `{ secret: 'NAME' }`, whenever a request is made. What it returns is not stored.
   */
  readonly secrets?: (name: string) => string | Promise<string>;
  /**
   * The agent that makes the connections: to keep them alive, or for a proxy. A function chooses one for each URL. Not with `allowedHosts`, since
   * an agent may connect to wherever it likes. Default: a new connection for each request.
   */
  readonly agent?: Agent | ((url: URL) => Agent | undefined);
  /**
   * The longest time that a request may take, unless it has a `timeout` of its own.
   *
   * @default '30s'
   */
  readonly timeout?: Duration;
}

const OPTIONS = {
  allowedHosts: (hosts: unknown, option: string) =>
    hosts === undefined ? undefined : new AllowedHosts(hosts, option),
  secrets: functionOption<NonNullable<HttpOptions['secrets']>>(),
  agent: checkedOption<NonNullable<HttpOptions['agent']>>(
    (agent) => typeof agent === 'function' || (isRecord(agent) && typeof agent['addRequest'] === 'function'),
    'an Agent of node:http or node:https, or a function that returns one',
  ),
  timeout: durationOption('30s', { min: 1 }),
};

/** The token of `ResolvedHttpOptions`. Exported by the module: a subclass of `HttpRequestStep` is a provider of any module. */
export const HTTP_OPTIONS = Symbol('STEPPING_HTTP_OPTIONS');

/** The settings as the step uses them: complete, checked, in milliseconds. */
export interface ResolvedHttpOptions extends Pick<HttpOptions, 'secrets' | 'agent'> {
  readonly allowedHosts: AllowedHosts | undefined;
  readonly timeout: number;
  /** Whether anything was set. */
  readonly isSet: boolean;
}

/** @throws InvalidOptionError for settings that cannot be. */
export function readHttpOptions(given: unknown = {}, option = 'http'): ResolvedHttpOptions {
  const read = readOptions(given, option, OPTIONS);
  if (read.allowedHosts && read.agent !== undefined) {
    const expected = `left out where '${option}.allowedHosts' is set: an agent connects to wherever it likes`;
    throw new InvalidOptionError(`${option}.agent`, read.agent, expected);
  }
  const isSet = Object.values(given as object).some((value) => value !== undefined);
  return { ...read, isSet };
}
