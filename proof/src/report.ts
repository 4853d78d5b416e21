import { attackTable, eventsTable, floodTable } from './report-attacks.js';
import { byTarget, number, sum, table } from './report-tables.js';
import type { ProofRecord, Results, RunSettings } from './results.js';
import { FORBIDDEN, inTime, summarize, type Forbidden, type RepeatReason } from './verdict.js';

const LABELS: Readonly<Record<Forbidden, string>> = {
  lost: 'jobs of committed transactions lost',
  unfinished: 'jobs that never ended',
  ranThoughRolledBack: 'jobs of rolled-back transactions that ran',
  stepsMissing: 'steps of finished jobs that were never executed',
  bookingsDoubled: 'transactional effects that happened twice',
  bookingsMissing: 'transactional effects missing',
  outOfOrder: 'steps out of order',
  overlaps: 'jobs run by two live processes at once',
  forbiddenTransitions: 'changes of a job that its life cycle does not allow',
  fencesBroken: 'changes of a job by a process that did not hold it',
  errorsInCommitted: 'errors that reached a committed transaction',
  lateQueries: 'queries after the pool was closed',
  leasesLeft: 'leases left behind by an orderly shutdown',
  attemptsWasted: 'leases lost and steps repeated where the attack disturbed no process',
  pausesBroken: 'attempts of a paused step',
  skipsBroken: 'steps skipped while they ran, run after they were skipped, or both done and skipped',
  editsBroken: 'attempts whose arguments and key are not those of the last edit',
  unasked: 'jobs changed by hand that nobody had asked for, or twice',
  eventsLost: 'events of committed transactions lost',
  billedTwice: 'events whose work was done twice',
  billedThoughRolledBack: 'events of rolled-back transactions received',
};

const REASONS: readonly RepeatReason[] = ['killed', 'paused', 'lease lost', 'failed', 'shut down', 'other'];

/** docs/internals/reliability.md, from the results of one or more runs. */
export function reportOf({ records, runs }: Results): string {
  if (records.length === 0) throw new Error('The folder has no results');
  return `${[
    introduction(records),
    conditions(runs),
    forbiddenTable(records),
    targetTable(records),
    repeatedTable(records),
    recoveryTable(records),
    attackTable(records),
    floodTable(records),
    eventsTable(records),
    CLOSING,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function introduction(records: readonly ProofRecord[]): string {
  const jobs = sum(records, ({ verdict }) => verdict.committed);
  const kills = sum(records, ({ figures }) => Number(figures.kills ?? 0));
  const minutes = Math.round(sum(records, ({ tookMs }) => tookMs) / 60_000);
  return `# Reliability

\`npm run proof\` attacks the library with real processes and real databases; nothing is mocked. This page reports the
results.

- The application under attack uses the built library, as a user's application does.
- A client that is not part of the application requests jobs. It records every answer in a file that is synced to disk.
- Database triggers record every change of every job, and which process made it.
- After each attack, a checker reads these records and the business tables with plain SQL. It shares no code with the library.

This page was written by the run that it reports: **${number(jobs)} committed jobs, ${number(kills)} SIGKILLs, ${number(minutes)} minutes of attacks.**`;
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
    [
      'processes',
      '3; in races 2 to 5; on the engines of `engines:*` 2; with DTM, which calls one address, 1',
    ],
    [
      'load',
      `up to ${rate} jobs per second, each of 1 to 4 steps, one in ten is rolled back on purpose; a quarter of that where DTM's application is killed`,
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
  rows.push([
    'attacks whose jobs did not go on in time',
    number(sum(records, ({ figures }) => (inTime(figures) ? 0 : 1))),
  ]);
  return `## Violations\n\n${table(['', 'times seen'], rows)}`;
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

"Not committed" counts transactions that were rolled back on purpose, by a fault, or by the death of their process.
"Unanswered" counts requests that the client never got an answer to, whatever their outcome. Changes are not recorded at DTM, nor
on TiDB, which has no triggers.

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
  return `## Repeated steps

Steps run at least once. This table counts non-transactional steps that ran again without having failed on purpose. Their
process was killed, paused, starved of CPU time or shut down, or it lost its lease, or the database failed. In the other cases a
lost connection took the progress, or the answer to DTM, with it.

${table(['target', 'plain steps', 'repeated', 'share', ...REASONS], rows)}

A process that was paused for longer than its lease does not know yet that it has lost its jobs. ${number(zombies)} times, a step of such a process,
or a step that ignored its signal, was still running while the next process ran the job. It could not store anything.`;
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

Milliseconds from the death of a process in the middle of a step to the next step of that job in another process. The other
processes are being killed at the same time, and share the processors with their own restarts. "Bound" is the lease plus
the recovery interval. A recovery takes longer when no process is alive, or when the process that took the job over was killed as
well, so that its lease had to expire too. DTM recovers by its own retry interval, which doubles while the application is away.

${table(['target', 'recoveries', 'median', 'p99', 'max', 'bound'], rows)}`;
}

const CLOSING = `## Findings

- Unless the server runs with \`UPDATE_BRANCH_SYNC=1\`, DTM 1.19 stores the success of steps up to 200 ms late. If DTM or its database
  crashes in between, it repeats steps out of order. The proof sets it.
- DTM doubles its waits without a limit and takes up overdue jobs one at a time. After every attack the proof resets these waits,
  as an operator of DTM can do, so that it can wait for the end.
- A \`start()\` without a transaction can fail with \`TransactionManagerUnavailableError\` although the job was stored, if
  the answer to its INSERT is lost. The job runs. With a gid of your own you can start it again safely.
- On MySQL and MariaDB, a process took its lease for lost if the rows were locked each time it tried to store progress, and the step
  was repeated. It now waits for the lock, as on PostgreSQL (\`test/contract/dialect-traps.spec.ts\`).
- The renewal of all leases waited for a connection of the pool when one of the jobs had just ended, and leases were lost (seen by the
  attack \`pool\`). It no longer does (\`test/guarantees/leases/renewals-beside-the-pool.spec.ts\`).
- On MySQL and MariaDB, each transactional step was looked up after its COMMIT, since the library's own \`DO 0\` counted as a statement that may end a transaction.
  Where the pool was all in use, the look-up waited, and the lease of a job that had ended was reported as lost. The COMMIT is now believed, and what has to be
  asked after one is asked beside the pool (\`renewals-beside-the-pool.spec.ts\`, \`transactional-steps.spec.ts\`).
- The proof itself once judged too early: it ended a process whose job had not been answered yet, and reported the job as
  lost (\`test/proof/scene.spec.ts\`). The error can only cause false alarms;
  it hides nothing.

## Checking the checker

\`test/proof/checker.spec.ts\` removes three guarantees from a copy of the library, one at a time: the owner check when progress is
stored, the barrier rows, and the rule that success is stored before the next step begins. The checker must report each of
them. At the same moment with the unmodified library it must report nothing.

It also takes a bound, a count or a share out of the library, and lets an attack run: the bound of statements (silence), that of attempts
(waits), the rule that only an attempt that has begun counts (poison), the connection beside the pool (pool), the share of one step,
the limit for jobs that wait (both slow), the lease that protects a running step from being skipped, the pause of jobs that a process has
started itself, the key of an edited step (these three operator), the marks of the inbox, and the outbox's wait for the broker (both events). The
attack must show each of them.

## Run it again

\`\`\`sh
npm run proof                                  # 20 seconds of each attack on each target
npm run proof -- --seconds 300 --output results
npm run --silent proof -- --report results     # this page
npm run proof -- --only kill --database sqlite --placement one --seed 7
\`\`\`

A run prints its seed, and \`--seed\` repeats its schedule. It cannot repeat what the operating system does in between. \`npm run test:proof\` runs a short form of every attack.`;
