import { expect, it } from 'vitest';
import { Lease } from '../../../lib/tm/self/lease.js';
import { LeaseTable } from '../../../lib/tm/self/lease-table.js';

const leaseOf = (gid: string): Lease => new Lease(gid, 'owner', 0);

it('finds leases by gids of any kind', () => {
  const table = new LeaseTable();
  const gids = [
    '',
    'a',
    'ab',
    'abc',
    'ähnlich-€',
    ...Array.from({ length: 3_000 }, (_, n) => `order-${n}-mail`),
  ];
  const leases = gids.map(leaseOf);
  for (const lease of leases) expect(table.put(lease)).toBeUndefined();
  expect(table.size).toBe(gids.length);
  for (const lease of leases) expect(table.get(lease.gid)).toBe(lease);
  expect(new Set(table.all())).toEqual(new Set(leases));
  expect(table.get('order-3000-mail')).toBeUndefined();
});

it('gives back the lease that another one of the same job replaces, and keeps the other one', () => {
  const table = new LeaseTable();
  const [first, second] = [leaseOf('job'), leaseOf('job')];
  table.put(first);
  expect(table.put(second)).toBe(first);
  expect(table.size).toBe(1);
  table.remove(first);
  expect(table.get('job')).toBe(second);
  expect(table.size).toBe(1);
});

it('takes leases out in any order', () => {
  const table = new LeaseTable();
  const leases = Array.from({ length: 1_000 }, (_, n) => leaseOf(`job-${n}`));
  for (const lease of leases) table.put(lease);
  const odd = leases.filter((_, at) => at % 2 === 1);
  for (const lease of [...odd].reverse()) table.remove(lease);
  for (const lease of odd) table.remove(lease);
  expect(table.size).toBe(500);
  expect(new Set(table.all())).toEqual(new Set(leases.filter((_, at) => at % 2 === 0)));
  for (const lease of odd) expect(table.get(lease.gid)).toBeUndefined();
});
