import dns from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { InvalidOptionError } from '../../errors/index.js';
import { addRange, isIn, isLoopback, isPublic, readAddress } from './addresses.js';

const EXPECTED =
  "host names such as 'api.partner.example' or '*.partner.example', addresses, ranges such as '10.1.0.0/16', or '*' for " +
  'every public host, each without scheme, port and path';

/** A request may not go there. */
export class HostNotAllowedError extends Error {}

/**
 * Where requests may go. A name counts for the public addresses that it leads to, so whoever owns a name gets no access to the network of this
 * process by it; other addresses must be listed themselves.
 */
export class AllowedHosts {
  private readonly addresses = new BlockList();
  private readonly names = new Set<string>();
  private readonly domains: string[] = [];
  private listsAddresses = false;
  private listsAll = false;

  /** @throws InvalidOptionError for what is no list of hosts. */
  constructor(hosts: unknown, option: string) {
    if (!Array.isArray(hosts)) throw new InvalidOptionError(option, hosts, `a list of ${EXPECTED}`);
    for (const host of hosts as unknown[]) {
      if (typeof host !== 'string' || !this.add(host)) throw new InvalidOptionError(option, host, EXPECTED);
    }
  }

  /** Finds the addresses of a host, and leaves out those where a request may not go. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '');
      const [first, ...others] = found.filter(({ address }) => this.permits(hostname, address));
      if (first === undefined) callback(refusal(hostname), '');
      else if (options.all) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    });
  };

  /**
   * Refuses a host without looking it up, where that can be told. Addresses are never looked up by Node.js.
   *
   * @throws HostNotAllowedError.
   */
  check({ hostname }: URL): void {
    const literal = readAddress(hostname);
    const allowed = literal
      ? this.permits(hostname, hostname)
      : this.listsAddresses || this.isNamed(nameOf(hostname));
    if (!allowed) throw refusal(hostname);
  }

  private permits(host: string, found: string): boolean {
    const address = readAddress(found);
    if (!address) return false;
    if (isIn(this.addresses, address)) return true;
    const name = nameOf(host);
    if (!this.isNamed(name)) return false;
    // It means this machine wherever it is written; `*` does not mean it.
    return isPublic(address) || (name === LOCALHOST && this.names.has(name) && isLoopback(address));
  }

  private isNamed(name: string): boolean {
    return this.listsAll || this.names.has(name) || this.domains.some((domain) => name.endsWith(domain));
  }

  private add(entry: string): boolean {
    if (entry === '*') return (this.listsAll = true);
    const [, wildcard, host] = /^(\*\.)?(.*)$/s.exec(entry)!;
    if (wildcard === undefined && addRange(this.addresses, host!)) return (this.listsAddresses = true);
    // Whatever else a URL has, or could be cut off from the host by its parser.
    if (!/^[^\s/\\?#@:[\]%*]+$/.test(host!) || !URL.canParse(`http://${host}`)) return false;
    const name = nameOf(new URL(`http://${host}`).hostname);
    if (wildcard !== undefined) {
      this.domains.push(`.${name}`);
      return isIP(name) === 0;
    }
    if (isIP(name) !== 0) return (this.listsAddresses = addRange(this.addresses, name));
    this.names.add(name);
    return true;
  }
}

const LOCALHOST = 'localhost';

/** The dot of a fully qualified name makes no difference. */
function nameOf(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '');
}

/** The addresses are not told: they may be the map of a private network. */
function refusal(hostname: string): HostNotAllowedError {
  return new HostNotAllowedError(`'http.allowedHosts' does not let requests go to ${hostname}`);
}
