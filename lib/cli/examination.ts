import type { ProcessInfo } from '../core/operations/fleet-numbers.js';
import { spanText } from '../core/time-text.js';
import { OperationUnsupportedError } from '../errors/index.js';
import { JobHolds, type JobHold } from '../store/job-holds.js';
import { schemaDrift } from '../store/migrations/schema-drift.js';
import { processIdOf } from '../tm/self/monitoring/job-holder.js';
import { jobsText } from './job-text.js';
import type { Operator } from './operator.js';

/** One thing that was looked at. */
export interface Finding {
  readonly check: 'schema' | 'processes' | 'holds' | 'steps' | 'health';
  /** `note`: it passes by itself. `unknown`: it cannot be told here. */
  readonly result: 'ok' | 'note' | 'problem' | 'unknown';
  readonly text: string;
}

/** Another process takes over an expired lease within seconds. */
const OVERDUE_MS = 60_000;
const MAX_NAMED = 3;

/** Looks at everything that can be told from the database. A schema that is not as it should be ends it: nothing else can be read then. */
export async function examine(operator: Operator): Promise<Finding[]> {
  const { dialect, connection } = operator.database;
  await dialect.initialize(connection);
  const drift = await schemaDrift(connection, dialect);
  if (drift.length > 0) return drift.map((text) => ({ check: 'schema', result: 'problem', text }));
  const processes = await known(() => operator.operations.processes());
  return [
    { check: 'schema', result: 'ok', text: 'Tables, columns and indexes are as this version needs them.' },
    processFinding(processes),
    ...holdFindings(await new JobHolds(connection, dialect).read(), processes),
    ...(await stepFindings(operator, processes)),
    ...(await healthFindings(operator)),
  ];
}

function processFinding(processes: readonly ProcessInfo[] | undefined): Finding {
  if (!processes) return { check: 'processes', result: 'unknown', text: 'Processes are not known here.' };
  const alive = processes.filter(({ state }) => state === 'alive');
  const workers = alive.filter(({ runsSteps }) => runsSteps).length;
  const text = `${alive.length} alive, of which ${workers} run${workers === 1 ? 's' : ''} steps.`;
  // Whether that is a problem is what the health says.
  return { check: 'processes', result: workers === 0 ? 'note' : 'ok', text };
}

function holdFindings(holds: readonly JobHold[], processes: readonly ProcessInfo[] | undefined): Finding[] {
  const over = holds.filter(({ left }) => left < -OVERDUE_MS);
  const live = new Set(processes?.filter(({ state }) => state !== 'gone').map(({ id }) => id));
  const orphaned = processes
    ? holds.filter(({ left, owner }) => left > 0 && !live.has(processIdOf(owner)))
    : [];
  const findings: Finding[] = [];
  if (over.length > 0) {
    const longest = spanText(-Math.min(...over.map(({ left }) => left)));
    findings.push({
      check: 'holds',
      result: 'problem',
      text: `The leases of ${jobs(over)} are over, for up to ${longest}, and no process takes them over: see that one runs that provides their steps.`,
    });
  }
  if (orphaned.length > 0) {
    const last = spanText(Math.max(...orphaned.map(({ left }) => left)));
    findings.push({
      check: 'holds',
      result: 'note',
      text: `Processes that have gone still hold ${jobs(orphaned)}: others take over when the leases end, the last in ${last}.`,
    });
  }
  if (findings.length > 0) return findings;
  return [
    {
      check: 'holds',
      result: 'ok',
      text: `${jobsText(holds.length)} held, none by a process that has left it.`,
    },
  ];
}

function jobs(holds: readonly JobHold[]): string {
  const named = holds.slice(0, MAX_NAMED).map(({ gid }) => gid);
  const more = holds.length > named.length ? ', …' : '';
  return `${jobsText(holds.length)} (${named.join(', ')}${more})`;
}

async function stepFindings(
  operator: Operator,
  processes: readonly ProcessInfo[] | undefined,
): Promise<Finding[]> {
  const alive = processes?.filter(({ state, runsSteps }) => state === 'alive' && runsSteps) ?? [];
  const provided = [...new Set(alive.flatMap(({ steps }) => steps))];
  const { store } = await operator.store();
  const unknown = await store.unknownSteps(provided, OVERDUE_MS);
  if (unknown.length === 0)
    return [
      { check: 'steps', result: 'ok', text: 'No job has waited for a minute for a step that nobody takes.' },
    ];
  return unknown.map((step) => ({
    check: 'steps',
    result: 'problem',
    text: `Jobs have waited for over a minute for the step '${step}', and no process has taken one. Deploy a process that provides it, or give its new name the old one as an alias.`,
  }));
}

async function healthFindings(operator: Operator): Promise<Finding[]> {
  const health = await known(() => operator.operations.health());
  if (!health)
    return [
      { check: 'health', result: 'unknown', text: 'Whether due jobs are looked for is not known here.' },
    ];
  if (health.problems.length === 0)
    return [{ check: 'health', result: 'ok', text: 'Due jobs are looked for, and none waits too long.' }];
  return health.problems.map(({ text }) => ({ check: 'health', result: 'problem', text }));
}

/** Undefined where nobody keeps it. */
async function known<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof OperationUnsupportedError) return undefined;
    throw error;
  }
}
