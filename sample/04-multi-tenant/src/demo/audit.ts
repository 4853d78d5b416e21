import type { PlatformRecords } from './platform-records.js';

/** Differences, one sentence each. `issued` are the jobs of exactly those invoices that must exist. */
export function audit({ tenants, jobs }: PlatformRecords, issued: ReadonlySet<string>): string[] {
  const differences: string[] = [];
  const statuses = new Map(jobs.map(({ gid, status }) => [gid, status]));
  const found = new Set<string>();
  for (const { name, turnoverCents, invoices, dispatches } of tenants) {
    for (const { number } of invoices) {
      const gid = `${name}:${number}`;
      found.add(gid);
      if (!issued.has(gid)) differences.push(`Invoice ${gid} is stored and was never issued.`);
      if (statuses.get(gid) !== 'succeeded') differences.push(`The job of invoice ${gid} has not succeeded.`);
      const sent = dispatches.filter(({ invoiceNumber }) => invoiceNumber === number).length;
      if (sent !== 1) differences.push(`Invoice ${gid} was sent ${sent} times.`);
    }
    if (dispatches.length > invoices.length) differences.push(`${name} has sent what it has not stored.`);
    const sum = invoices.reduce((total, { totalCents }) => total + totalCents, 0);
    if (sum !== turnoverCents) {
      differences.push(`The turnover of ${name} is ${turnoverCents} cents, its invoices make ${sum}.`);
    }
  }
  for (const gid of issued) if (!found.has(gid)) differences.push(`Invoice ${gid} was issued and is lost.`);
  for (const { gid, status } of jobs) {
    if (!issued.has(gid) && status !== 'rolledBack') differences.push(`The job ${gid} is ${status}.`);
  }
  return differences;
}
