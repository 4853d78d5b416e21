import { isIPv4 } from 'node:net';
import type { HttpRequest } from './http-request.js';

/** What browsers of this machine write into `Host`. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/**
 * What proxies add: behind one on this machine, everybody seems to be here. By what their names have in common, since every proxy may have
 * names of its own; browsers send none of these.
 */
const PROXY_HEADER = new RegExp(
  [
    'forwarded|proxy|(?:client|real|remote|connecting|user|source)-?(?:ip|addr)',
    '(?:^|-)via$|^(?:x-)?(?:original|envoy|cdn|cf|fastly|akamai|cloudfront|azure|appengine|amzn?|arr)-',
  ].join('|'),
);

/**
 * Whether a request was sent on this machine itself, by no proxy. HTTP/1.0 is what nginx speaks unless told otherwise, and no browser.
 */
export function isLocal({ raw, headers }: HttpRequest): boolean {
  const address = (raw.socket.remoteAddress ?? '').replace(/^::ffff:/i, '');
  if (address !== '::1' && !(isIPv4(address) && address.startsWith('127.'))) return false;
  if (raw.httpVersionMajor === 1 && raw.httpVersionMinor === 0) return false;
  return !Object.keys(headers).some((name) => PROXY_HEADER.test(name));
}

/** Whether a request is for one of these hosts, each with any port, or with the one it names. Names of others may lead to this machine. */
export function isFor(hosts: readonly string[], request: HttpRequest): boolean {
  const asked = hostsOf(request);
  return (
    asked !== undefined &&
    asked.every((host) => hosts.includes(host) || hosts.includes(host.replace(/:\d+$/, '')))
  );
}

/** Whether a request comes from no page, or from one of these hosts: a proxy that says nothing of itself leaves the origin as it is. */
export function originIsFor(hosts: readonly string[], request: HttpRequest): boolean {
  const origin = request.header('origin');
  if (origin === '') return true;
  if (!URL.canParse(origin)) return false;
  const { host, hostname } = new URL(origin);
  return hosts.includes(host) || hosts.includes(hostname);
}

/**
 * Whether a page of another site sends the request, or, of one that changes something, may have sent it.
 *
 * Browsers say so themselves, except to servers without HTTPS; those are told the origin of what changes something.
 */
export function isCrossSite(request: HttpRequest, origins: readonly string[], changes: boolean): boolean {
  const [site, origin] = [request.header('sec-fetch-site'), request.header('origin')];
  if (origin !== '' && origins.includes(origin)) return false;
  if (site !== '') return site !== 'same-origin' && (changes || site !== 'none');
  if (origin === '') return changes;
  return !isSameHost(origin, hostOf(request));
}

function isSameHost(origin: string, host: string): boolean {
  if (host === '' || !/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host: own } = new URL(origin);
  // A default port is left out by browsers, and may be written by proxies.
  return URL.canParse(`${protocol}//${host}`) && new URL(`${protocol}//${host}`).host === own;
}

/** HTTP/2 has a name of its own for it. */
function hostOf({ headers }: HttpRequest): string {
  const host = headers.host ?? headers[':authority'];
  return typeof host === 'string' ? host.toLowerCase() : '';
}

/** Of the header, and of the target, which may be a whole URL. Undefined with several headers: a proxy may have asked another one. */
function hostsOf(request: HttpRequest): string[] | undefined {
  const { rawHeaders } = request.raw;
  if (rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length > 1)
    return undefined;
  const [, target] = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(request.raw.url ?? '') ?? [];
  return target === undefined ? [hostOf(request)] : [hostOf(request), target.toLowerCase()];
}
