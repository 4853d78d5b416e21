import { readdirSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { attackTable, floodTable } from './report-attacks.js';
import { byTarget, number, sum, table, type ProofRecord } from './report-tables.js';
import { FORBIDDEN, summarize, type Forbidden, type RepeatReason } from './verdict.js';

/** How a run was called, and where; the first file that it writes. */
export interface RunSettings {
  readonly command: string;
  readonly node: string;
  readonly processors: string;
  readonly memoryGb: number;
  readonly servers: readonly string[];
  readonly lease: number;
  readonly interval: number;
  readonly rate: number;
}

export const SETTINGS_FILE = 'run.json';

export function hardware(): Pick<RunSettings, 'node' | 'processors' | 'memoryGb'> {
  const processors = cpus();
  return {
    node: process.version,
    processors: `${processors.length} x ${processors[0]?.model.trim() || 'processor'}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
  };
}

const LABELS: Readonly<Record<Forbidden, string>> = {
  lost: 'jobs of committed transactions lost',
  unfinished: 'jobs that never came to an end',
  ranThoughRolledBack: 'jobs of rolled-back transactions that ran',
  stepsMissing: 'steps of finished jobs that were never done',
  bookingsDoubled: 'transactional effects doubled',
  bookingsMissing: 'transactional effects missing',
  outOfOrder: 'steps out of order',
  overlaps: 'jobs run by two live processes at once',
  forbiddenTransitions: 'changes of a job that its life does not know',
  fencesBroken: 'changes of a job by a process that did not hold it',
  errorsInCommitted: 'errors that reached a committed transaction',
  lateQueries: 'queries after the pool was closed',
  leasesLeft: 'leases left behind by an orderly shutdown',
};

const REASONS: readonly RepeatReason[] = ['killed', 'paused', 'lease lost', 'failed', 'shut down', 'other'];

/** docs/reliability.md, from the results of one or more runs. */
export function reportOf(folder: string): string {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && !file.endsWith(SETTINGS_FILE));
  const records = files
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as ProofRecord);
  const runs = readdirSync(folder)
    .filter((file) => file.endsWith(SETTINGS_FILE))
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as RunSettings);
  if (records.length === 0) throw new Error(`There are no results in ${folder}`);
  return `${[
    introduction(records),
    conditions(runs),
    forbiddenTable(records),
    targetTable(records),
    repeatedTable(records),
    recoveryTable(records),
    attackTable(records),
    floodTable(records),
    CLOSING,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function introduction(records: readonly ProofRecord[]): string {
  const jobs = sum(records, ({ verdict }) => verdict.committed);
  const kills = sum(records, ({ figures }) => Number(figures.kills ?? 0));
  const minutes = Math.round(sum(records, ({ tookMs }) => tookMs) / 60_000);
  return `# Reliability: what was tried, and what came of it

\`npm run proof\` attacks the library: real processes that are built as users build them, real databases, nothing
mocked. A client that is no part of the application asks for jobs and writes down every answer, synced to disk.
Triggers in the database write down every change of every job and the process that made it. When all has settled, a
checker that shares no code with the library reads both, and the business tables, with plain SQL.

This page was written by the run that it reports: **${number(jobs)} committed jobs, ${number(kills)} SIGKILLs,
${number(minutes)} minutes of attacks.**`;
}

function conditions(runs: readonly RunSettings[]): string {
  const [first] = runs;
  if (!first) return '';
  const { processors, memoryGb, node, lease, interval, rate } = first;
  const rows = [
    ['hardware', `${processors}, ${memoryGb} GB; databases, application and client on the same machine`],
    ['Node', node],
    ['databases', [...new Set(runs.flatMap((run) => run.servers))].join('; ')],
    ['lease, recovery interval', `${lease} ms, ${interval} ms; in races 1,000 ms, 50 ms`],
    ['processes', '3; in races 2 to 5; with DTM, which calls one address, 1'],
    [
      'load',
      `up to ${rate} jobs a second of 1 to 4 steps, one in ten rolled back on purpose; a quarter of it where DTM's application is killed`,
    ],
  ];
  return `## Conditions

${table(['', ''], rows)}

\`\`\`sh
${[...new Set(runs.map(({ command }) => command))].join('\n')}
\`\`\``;
}

function forbiddenTable(records: readonly ProofRecord[]): string {
  const rows = FORBIDDEN.map((kind) => [
    LABELS[kind],
    number(sum(records, ({ verdict }) => verdict.forbidden[kind] ?? 0)),
  ]);
  return `## What must not happen\n\n${table(['', 'times seen'], rows)}`;
}

function targetTable(records: readonly ProofRecord[]): string {
  const rows = byTarget(records).map(([name, of]) => [
    name,
    number(sum(of, ({ verdict }) => verdict.committed)),
    number(sum(of, ({ verdict }) => verdict.rolledBack)),
    number(sum(of, ({ verdict }) => verdict.unanswered)),
    number(sum(of, ({ figures }) => Number(figures.kills ?? 0))),
    number(sum(of, ({ verdict }) => verdict.transactionalSteps)),
    number(sum(of, ({ verdict }) => verdict.transitions)),
    number(
      sum(of, ({ verdict }) => FORBIDDEN.reduce((all, kind) => all + (verdict.forbidden[kind] ?? 0), 0)),
    ),
  ]);
  const head = [
    'target',
    'committed',
    'not committed',
    'unanswered',
    'SIGKILLs',
    'transactional steps',
    'changes checked',
    'violations',
  ];
  return `## By target

"Not committed" are transactions that were rolled back on purpose, by a fault or by the death of their process;
"unanswered" is what the client never heard of again, whichever way it went.

${table(head, rows)}`;
}

function repeatedTable(records: readonly ProofRecord[]): string {
  const rows = byTarget(records).map(([name, of]) => {
    const steps = sum(of, ({ verdict }) => verdict.plainSteps);
    const repeated = sum(of, ({ verdict }) => verdict.plainRepeated);
    const reasons = REASONS.map((reason) =>
      number(sum(of, ({ verdict }) => verdict.repeatedBecause[reason] ?? 0)),
    );
    return [
      name,
      number(steps),
      number(repeated),
      `${((100 * repeated) / Math.max(1, steps)).toFixed(2)} %`,
      ...reasons,
    ];
  });
  const zombies = sum(records, ({ verdict }) => verdict.zombieOverlaps);
  return `## Steps without a transaction that were repeated

Steps run at least once. These ran more than once without having failed on purpose, because the process was killed,
was stopped or got no processor for too long, had lost its lease, met a fault of a database, or was shut down. Others
were done, and the answer to DTM, or the progress, was lost with a connection.

${table(['target', 'plain steps', 'repeated', 'share', ...REASONS], rows)}

A process that stood still for longer than its lease does not know yet that it has lost its jobs. ${number(zombies)} times its
step, or one that went on after its signal, was still at work while the next process ran the job; it could store
nothing.`;
}

function recoveryTable(records: readonly ProofRecord[]): string {
  const killed = records.filter(({ attack }) => attack === 'kill');
  const rows = byTarget(killed).flatMap(([name, of]) => {
    const recovery = summarize(
      of.flatMap(({ verdict }) => verdict.recoveryTimes),
      of[0]!.verdict.recovery?.bound ?? 0,
    );
    if (!recovery) return [];
    const { count, median, p99, max, bound } = recovery;
    return [
      [
        name,
        number(count),
        number(median),
        number(p99),
        number(max),
        of[0]!.target.placement === 'dtm' ? '-' : number(bound),
      ],
    ];
  });
  if (rows.length === 0) return '';
  return `## Time to recovery

From the death of a process in the middle of a step to the next step of that job elsewhere, in milliseconds, while
the other processes are being killed as well and share the processors with their own restarts. "Bound" is the lease and
the recovery interval. What lies above is the wait for a process that is alive, or for the lease of one that took the
job over and was killed before it began. With DTM its own retry interval decides, which doubles while the
application is away.

${table(['target', 'recoveries', 'median', 'p99', 'max', 'bound'], rows)}`;
}

const CLOSING = `## What came to light

- DTM 1.19 stores the success of steps up to 200 ms late unless \`UPDATE_BRANCH_SYNC=1\` is set in the server. When it, or
  its database, crashes in between, it repeats steps out of order. It is set here.
- DTM doubles its waits without a limit and takes overdue jobs up one at a time. After every attack the waits are
  set back, as its operator can do, so that the end can be waited for.
- A \`start()\` without a transaction may fail with \`TransactionManagerUnavailableError\` although the job was stored,
  when the answer to its INSERT is lost. The job runs; with a gid of one's own it can be started again.
- Progress on MySQL and MariaDB was given up as a lost lease when its rows were locked at each of a few looks; the step
  was then repeated. It waits for the lock now, as on PostgreSQL (\`test/contract/dialect-traps.spec.ts\`).
- The proof itself once judged before a job that was still being placed had been answered, ended its process and called
  the job lost (\`test/proof/scene.spec.ts\`). It could report what is not so; it hid
  nothing.

## What the checker is worth

\`test/proof/checker.spec.ts\` takes three guarantees out of a copy of the library, one at a time: the owner out of the
condition under which progress is stored, the rows out of the barrier, and the order out of "store, then begin the
next step". Each time the checker reports it, and with the library as it is, at the same moment, it reports nothing.

## Again

\`\`\`sh
npm run proof                                  # 20 seconds of each attack on each target
npm run proof -- --seconds 300 --output results
npm run --silent proof -- --report results     # this page
npm run proof -- --only kill --database sqlite --placement one --seed 7
\`\`\`

The seed of a run is printed, and \`--seed\` repeats its schedule; what the operating system does in between is not
repeated. A short form of every attack is part of \`npm test\`; \`npm run test:proof\` runs it alone.`;
