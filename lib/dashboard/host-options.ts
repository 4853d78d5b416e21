import { InvalidOptionError } from '../errors/index.js';

const HOST = /^(?:\[[\da-f:.]+\]|[a-z\d](?:[a-z\d._-]*[a-z\d])?)(?::\d{1,5})?$/i;

/** The option `allowedHosts`. */
export function hostsOption(value: unknown, option: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((host) => typeof host === 'string' && HOST.test(host))
  ) {
    return (value as string[]).map((host) => host.toLowerCase());
  }
  throw new InvalidOptionError(
    option,
    value,
    "a list of hosts such as 'ops.example.com' or 'ops.example.com:8443'",
  );
}

/** The option `origins`. */
export function originsOption(value: unknown, option: string): readonly string[] {
  if (value === undefined) return [];
  const origins = Array.isArray(value) ? value.map(originOf) : [undefined];
  if (origins.every((origin) => origin !== undefined)) return origins;
  throw new InvalidOptionError(
    option,
    value,
    "a list of origins such as 'https://ops.example.com', without a path",
  );
}

/** The origin as browsers write it; undefined where the text is none. */
export function originOf(text: unknown): string | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const { protocol, origin, href } = new URL(text);
  return /^https?:$/.test(protocol) && href === `${origin}/` ? origin : undefined;
}
