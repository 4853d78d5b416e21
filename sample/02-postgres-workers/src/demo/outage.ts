import type { AuditEntry, BulkResult, FailureGroup } from 'nestjs-stepping';
import type { DepotProcess } from './depot-process.js';
import type { Depot } from './depot.js';
import { say } from './terminal.js';

const PARCELS = 40;
const SPREAD_SECONDS = 4;

/** Breaks the printer until jobs have failed for good, and retries all of them over a span of time. */
export async function retryAfterOutage(depot: Depot, api: DepotProcess): Promise<void> {
  await depot.schema.breakPrinter('paper jam');
  const numbers = new Set(await depot.register(api, PARCELS));
  await depot.allJobsEnded();
  say(`   ${PARCELS} more parcels while the printer is broken; each label is tried 3 times`);
  say('   GET /operations/failures:');
  for (const { count, step, message } of await api.get<FailureGroup[]>('/operations/failures')) {
    say(`     ${count} jobs failed at ${step}: ${message}`);
  }

  await depot.schema.repairPrinter();
  const retriedAt = await depot.schema.now();
  const { matched, changed } = await api.post<BulkResult>('/operations/jobs/retry-failed', {
    by: 'grace@depot.example',
    reason: 'The printer is repaired',
    spread: `${SPREAD_SECONDS}s`,
  });
  say(`   the printer is repaired; POST /operations/jobs/retry-failed, spread over ${SPREAD_SECONDS} s:`);
  say(`     ${matched} jobs found, ${changed} retried`);
  await depot.allJobsEnded();

  const { labelRuns } = await depot.schema.read();
  const starts = labelRuns
    .filter(({ parcelNumber }) => numbers.has(parcelNumber))
    .map(({ startedAt }) => startedAt.getTime() - retriedAt.getTime());
  say('   labels begun in each second since then:');
  for (const [second, count] of perSecond(starts).entries()) {
    say(`     ${second + 1}. ${String(count).padStart(3)}  ${'#'.repeat(count)}`);
  }
}

/** What people have done by hand, the oldest first. */
export async function printAudit(api: DepotProcess): Promise<void> {
  for (const entry of (await api.get<AuditEntry[]>('/operations/audit')).reverse()) {
    const time = String(entry.at).slice(11, 19);
    const what = entry.step ?? `${entry.count} jobs`;
    say(`   ${time}  ${entry.by!.padEnd(20)} ${`${entry.action} ${what}`.padEnd(20)}  "${entry.reason}"`);
  }
}

function perSecond(starts: readonly number[]): readonly number[] {
  const last = Math.floor(Math.max(...starts) / 1000);
  return Array.from(
    { length: last + 1 },
    (_, second) => starts.filter((start) => Math.floor(start / 1000) === second).length,
  );
}
