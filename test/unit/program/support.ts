import type { Command, CommandContext, Values } from '../../../lib/cli/command.js';
import type { Operator } from '../../../lib/cli/operator.js';
import {
  DistributedJobs,
  SteppingOperations,
  type BoundedCount,
  type FleetOverview,
  type JobPage,
} from '../../../lib/index.js';
import type { SelfTmRuntime } from '../../../lib/tm/self/self-tm.runtime.js';

/** Jobs of nobody. */
export class NoJobs extends DistributedJobs {
  async find(): Promise<null> {
    return null;
  }
  async list(): Promise<JobPage> {
    return { jobs: [] };
  }
  async retry(_gid: string): Promise<void> {}
  async cancel(_gid: string): Promise<void> {}
  recovery() {
    return { lastRunAt: null, error: null };
  }
}

/** What a command works with, in a test. */
export interface Given {
  readonly values?: Values;
  readonly positionals?: readonly string[];
  readonly jobs?: Partial<DistributedJobs>;
  readonly operations?: Partial<SteppingOperations>;
  /** Whether a live process provides the step; undefined where that is not known. */
  readonly provided?: boolean;
  /** What a person answers; nobody can be asked without it. */
  readonly answer?: boolean;
}

/** Runs a command over jobs and operations of the test; `notes` is what it said meanwhile. */
export async function runCommand(command: Command, given: Given) {
  const { values = {}, positionals = [], answer } = given;
  const notes: string[] = [];
  const questions: string[] = [];
  const operator = {
    jobs: Object.assign(new NoJobs(), given.jobs),
    operations: Object.assign(new (class extends SteppingOperations {})(), given.operations),
    store: async () =>
      ({ monitoring: { isProvided: async () => given.provided } }) as unknown as SelfTmRuntime,
  } as Partial<Operator> as Operator;
  const context: CommandContext = {
    values,
    positionals,
    operator,
    note: { by: 'ada', ...(typeof values['reason'] === 'string' && { reason: values['reason'] }) },
    terminal: {
      out: () => undefined,
      note: (line) => void notes.push(line),
      width: undefined,
      interactive: answer !== undefined,
      confirm: async (question) => {
        questions.push(question);
        return answer ?? false;
      },
      env: {},
      user: 'ada',
    },
  };
  return { ...(await command.run(context)), notes, questions };
}

export const count = (number: number, more = false): BoundedCount => ({ count: number, more });

/** A fleet at rest. */
export function overview(values: Partial<FleetOverview> = {}): FleetOverview {
  return {
    at: new Date('2026-03-01T09:30:00Z'),
    due: count(0),
    oldestDueMs: null,
    held: count(0),
    waiting: count(0),
    prepared: count(0),
    failed: count(0),
    running: 0,
    processes: 1,
    lastMinute: { succeeded: 0, failed: 0, gaveUp: 0, jobsSucceeded: 0 },
    recoveredAt: new Date('2026-03-01T09:29:59Z'),
    paused: {},
    ...values,
  };
}
