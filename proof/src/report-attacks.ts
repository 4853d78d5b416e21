import { number, sum, table, words, type ProofRecord } from './report-tables.js';
import { nameOf } from './target.js';

/** How often each attack ran, what it did, and where processes were killed. */
export function attackTable(records: readonly ProofRecord[]): string {
  const names = [...new Set(records.map(({ attack }) => attack))];
  const rows = names.map((name) => {
    const of = records.filter(({ attack }) => attack === name);
    const figures = new Map<string, number>();
    for (const record of of) {
      for (const [key, value] of Object.entries(record.figures)) {
        if (typeof value === 'number' && ADDABLE.has(key)) figures.set(key, (figures.get(key) ?? 0) + value);
      }
    }
    const text = [...figures].map(([key, value]) => `${words(key)} ${number(value)}`).join(', ');
    return [name, number(of.length), number(sum(of, ({ tookMs }) => tookMs) / 60_000), text];
  });
  const points = new Map<string, number>();
  for (const { figures } of records) {
    for (const [point, times] of Object.entries((figures.killedAt ?? {}) as Record<string, number>)) {
      points.set(point, (points.get(point) ?? 0) + times);
    }
  }
  const pointRows = [...points].sort().map(([point, times]) => [`\`${point}\``, number(times)]);
  return `## By attack

${table(['attack', 'runs', 'minutes', 'what happened'], rows)}

Processes killed at the named points of the protocol, between two writes. All others were killed at random moments.

${table(['point', 'SIGKILLs'], pointRows)}`;
}

const ADDABLE = new Set([
  'kills',
  'pauses',
  'cancel',
  'retry',
  'terminate',
  'stop',
  'shutdowns',
  'connectionsKilled',
  'connectionsCut',
  'commitsCaught',
  'serverCrashes',
  'dtmKilled',
  'jobs',
  'edit',
  'skip',
  'pause',
  'retryAll',
  'cancelAll',
]);

/** What the floods measured. */
export function floodTable(records: readonly ProofRecord[]): string {
  const floods = records.filter(({ attack }) => attack === 'load');
  if (floods.length === 0) return '';
  const rows = floods.map(({ target, figures }) => [
    nameOf(target),
    ...['jobs', 'historyRows', 'delayedRows', 'placedPerSecond', 'finishedPerSecond', 'largestMemoryMb'].map(
      (key) => number(Number(figures[key])),
    ),
  ]);
  const head = [
    'target',
    'jobs',
    'ended rows',
    'delayed rows',
    'started per second',
    'finished per second',
    'largest process, MB',
  ];
  return `## Flood

Two processes start jobs of one transactional step as fast as they can, and run them. The tables already hold ended and delayed jobs.
One transaction stays open throughout, and one step runs for five lease durations.

${table(head, rows)}`;
}
