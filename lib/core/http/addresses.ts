import { BlockList, isIP, isIPv4 } from 'node:net';

/** An IP address as it counts: without a zone, and as IPv4 where it only wraps an IPv4 address. */
export interface Address {
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
}

/**
 * Reads an address. `::ffff:127.0.0.1` (IPv4-mapped) and `64:ff9b::7f00:1` (NAT64) lead to 127.0.0.1, and count as such.
 * Undefined for what is no address.
 */
export function readAddress(given: string): Address | undefined {
  const text = given.replace(/^\[(.*)\]$/s, '$1').replace(/%.*$/s, '');
  if (isIPv4(text)) return { text, family: 'ipv4' };
  if (isIP(text) === 0) return undefined;
  const groups = groupsOf(text);
  const prefix = groups.slice(0, 6).join();
  if (prefix !== MAPPED && prefix !== NAT64) return { text, family: 'ipv6' };
  const bytes = groups.slice(6).flatMap((group) => [group >> 8, group & 255]);
  return { text: bytes.join('.'), family: 'ipv4' };
}

const MAPPED = [0, 0, 0, 0, 0, 0xffff].join();
const NAT64 = [0x64, 0xff9b, 0, 0, 0, 0].join();

/** The eight numbers of an IPv6 address; the URL parser writes all of its forms alike. */
function groupsOf(address: string): number[] {
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail].map((part) => (part ? part.split(':') : []));
  const zeros = Array<string>(8 - before!.length - after!.length).fill('0');
  return [...before!, ...zeros, ...after!].map((group) => Number.parseInt(group, 16));
}

/**
 * Addresses that are not of the public internet (IANA's registries of special-purpose addresses): of this machine, of private networks, of one
 * link (which is where clouds have their metadata), of carriers, for documentation and tests, for many receivers, and reserved ones.
 */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // Looks public, and is where virtual machines of Azure reach their host.
  '168.63.129.16/32',
];

/** The only IPv6 addresses of the public internet so far; among them special ones, such as tunnels, which may lead anywhere. */
const PUBLIC_IPV6 = ['2000::/3'];
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const LOOPBACK = rangesOf(['127.0.0.0/8', '::1/128']);
const special = rangesOf([...SPECIAL_IPV4, ...SPECIAL_IPV6]);
const publicIpv6 = rangesOf(PUBLIC_IPV6);

/** Whether the address belongs to the public internet. */
export function isPublic(address: Address): boolean {
  if (isIn(special, address)) return false;
  return address.family === 'ipv4' || isIn(publicIpv6, address);
}

export function isLoopback(address: Address): boolean {
  return isIn(LOOPBACK, address);
}

export function isIn(ranges: BlockList, { text, family }: Address): boolean {
  return ranges.check(text, family);
}

function rangesOf(subnets: readonly string[]): BlockList {
  const ranges = new BlockList();
  for (const subnet of subnets) addRange(ranges, subnet);
  return ranges;
}

/** Adds an address, or a range such as `10.0.0.0/8`. False for what is neither. */
export function addRange(ranges: BlockList, text: string): boolean {
  const [, base, length] = /^(.*?)(?:\/(\d{1,3}))?$/s.exec(text) ?? [];
  const address = readAddress(base ?? '');
  if (!address) return false;
  const bits = address.family === 'ipv4' ? 32 : 128;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return false;
  ranges.addSubnet(address.text, prefix, address.family);
  return true;
}
