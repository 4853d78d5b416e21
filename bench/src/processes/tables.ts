import { percentile } from '../measure/numbers.ts';
import type { Kind } from './kinds.ts';
import { BACKLOG, BACKLOG_STEP_MS, HELD_EACH, SCRAPE_MS, type Measured, type Phase } from './phases.ts';

interface Column {
  readonly title: string;
  readonly of: (measured: Measured) => string;
}

const total = ({ counted }: Measured): number =>
  Object.values(counted.statements).reduce((sum, count) => sum + count, 0);
const of = ({ counted }: Measured, ...kinds: Kind[]): number =>
  kinds.reduce((sum, kind) => sum + (counted.statements[kind] ?? 0), 0);
const rows = ({ rowsRead }: Measured, ...tables: string[]): number =>
  tables.reduce((sum, table) => sum + (rowsRead.get(`stepping_${table}`) ?? 0), 0);
const a = (title: string, digits: number, value: (measured: Measured) => number): Column => ({
  title,
  of: (measured) => {
    const number = value(measured);
    return Number.isFinite(number) ? number.toFixed(digits) : '-';
  },
});

const NUMBER = a('processes', 0, ({ applications }) => applications);
const CONFLICTS = a('conflicts', 0, ({ counted }) => counted.conflicts);
const CPU = a('server CPU, ms/s', 1, ({ cpu, seconds }) => (cpu * 1000) / seconds);
const CPU_OF_JOB = a('server CPU, µs/job', 0, ({ cpu, jobs }) => (cpu * 1e6) / jobs);
const perSecond = (title: string, ...kinds: Kind[]): Column =>
  a(title, 2, (measured) => of(measured, ...kinds) / measured.seconds);
const perJob = (title: string, ...kinds: Kind[]): Column =>
  a(title, 2, (measured) => of(measured, ...kinds) / measured.jobs);

const WHOLE: readonly Column[] = [
  a('statements/s', 1, (measured) => total(measured) / measured.seconds),
  a('per process', 2, (measured) => total(measured) / measured.seconds / measured.applications),
];
const JOBS: readonly Column[] = [
  a('statements/job', 2, (measured) => total(measured) / measured.jobs),
  perJob('claims', 'claims'),
  a('empty', 2, ({ counted, jobs }) => counted.emptyClaims / jobs),
  a('empty, %', 0, ({ counted }) => (100 * counted.emptyClaims) / counted.claims),
  perJob('progress', 'progress'),
  perJob('notifications', 'notifications'),
  CONFLICTS,
  CPU_OF_JOB,
  a('delay p50, ms', 1, ({ delays }) => percentile(delays, 50)),
  a('p99', 0, ({ delays }) => percentile(delays, 99)),
];

const TABLES: Record<
  Phase,
  { readonly title: (rate: number) => string; readonly columns: readonly Column[] }
> = {
  idle: {
    title: () => 'idle',
    columns: [
      ...WHOLE,
      perSecond('claims', 'claims'),
      perSecond('heartbeats', 'heartbeats'),
      perSecond('controls', 'controls'),
      perSecond('housekeeping', 'housekeeping'),
      perSecond('others', 'counts', 'renewals', 'progress', 'notifications', 'fleet reads', 'others'),
      a('rows read/s', 1, (m) => [...m.rowsRead.values()].reduce((sum, read) => sum + read, 0) / m.seconds),
      CPU,
    ],
  },
  own: { title: (rate) => `${rate} jobs/s, each process runs what it starts`, columns: JOBS },
  others: { title: (rate) => `${rate} jobs/s, started by one more process that runs none`, columns: JOBS },
  backlog: {
    title: () => `${BACKLOG} jobs of ${BACKLOG_STEP_MS} ms are due at once`,
    columns: [
      a('claims', 0, ({ counted }) => counted.claims),
      a('empty', 0, ({ counted }) => counted.emptyClaims),
      perJob('statements/job of claims', 'claims'),
      perJob('of progress', 'progress'),
      CONFLICTS,
      CPU_OF_JOB,
    ],
  },
  held: {
    title: () => `each process holds ${HELD_EACH} jobs that run for long`,
    columns: [...WHOLE, perSecond('renewals', 'renewals'), perSecond('claims', 'claims'), CONFLICTS, CPU],
  },
  scraped: {
    title: (rate) =>
      `${rate} jobs/s as before, and each process is asked for its metrics every ${SCRAPE_MS / 1000} s`,
    columns: [
      perSecond('fleet reads/s', 'fleet reads'),
      perSecond('counts/s', 'counts'),
      a('rows of processes/s', 1, (m) => rows(m, 'processes') / m.seconds),
      a('rows of counts/s', 1, (m) => rows(m, 'stats') / m.seconds),
      a('rows of jobs/s', 1, (m) => rows(m, 'jobs') / m.seconds),
      CPU,
    ],
  },
};

/** Markdown tables, one for each phase. */
export function tablesOf(server: string, rate: number, measured: readonly Measured[]): string {
  const texts: string[] = [];
  for (const phase of Object.keys(TABLES) as Phase[]) {
    const ofPhase = measured.filter((each) => each.phase === phase);
    if (ofPhase.length === 0) continue;
    const columns = [NUMBER, ...TABLES[phase].columns];
    texts.push(
      `### ${server}: ${TABLES[phase].title(rate)}\n`,
      line(columns.map(({ title }) => title)),
      line(columns.map(() => '---:')),
      ...ofPhase.map((each) => line(columns.map((column) => column.of(each)))),
      '',
    );
  }
  return texts.join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
