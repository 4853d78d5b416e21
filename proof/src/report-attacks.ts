import { byTarget, number, sum, table, words } from './report-tables.js';
import type { ProofRecord } from './results.js';
import { nameOf } from './target.js';
import type { Forbidden } from './verdict.js';

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
  'orders',
  'connectionsSilent',
  'stalls',
  'brokerFrozen',
  'brokerCrashes',
  'duplicates',
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

/** What became of events on their way from one application to another. */
export function eventsTable(records: readonly ProofRecord[]): string {
  const events = records.filter(({ attack }) => attack === 'events');
  if (events.length === 0) return '';
  const rows = byTarget(events).map(([name, of]) => [
    name,
    number(sum(of, ({ verdict }) => verdict.committed)),
    number(sum(of, ({ verdict }) => verdict.rolledBack)),
    ...[
      'kills',
      'connectionsCut',
      'connectionsSilent',
      'stalls',
      'brokerFrozen',
      'brokerCrashes',
      'duplicates',
    ].map((key) => number(sum(of, ({ figures }) => Number(figures[key] ?? 0)))),
    number(
      sum(of, ({ verdict }) => EVENT_KINDS.reduce((all, kind) => all + (verdict.forbidden[kind] ?? 0), 0)),
    ),
  ]);
  const head = [
    'target',
    'orders committed',
    'not committed',
    'SIGKILLs',
    'connections cut',
    'silent',
    'stalls',
    'broker frozen',
    'broker killed',
    'repeated deliveries',
    'lost or billed wrongly',
  ];
  return `## Events

${EVENTS}

${table(head, rows)}`;
}

const EVENT_KINDS: readonly Forbidden[] = ['eventsLost', 'billedTwice', 'billedThoughRolledBack'];

const EVENTS = `Orders are placed in one application, published through the outbox, carried by a RabbitMQ node of the attack's own, and billed in a second
application through the inbox. Both have databases of their own. Processes on both sides are killed, also between the sending of an event and its
confirmation, between the inbox's mark and its COMMIT, and between that and the acknowledgement. Connections are cut, fall silent, or stall and are then cut; the
broker is frozen, and killed and started again. In the end every order whose row exists must be billed once, and no other one.`;
