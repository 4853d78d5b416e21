import type { ComponentChildren } from 'preact';
import type { Range, StepsAnswer } from '../../api.js';
import { bounded, duration, integer, percent, rate } from '../format.js';
import { href } from '../route.js';
import { RANGES } from './range.js';
import { FAILING } from './strip.js';

/** One step over all processes, as JSON carries it. */
export type StepRow = StepsAnswer['steps'][number];

/** One number of a step. */
export interface StepColumn {
  readonly key: string;
  readonly title: string;
  /** What it is sorted by; `null` comes last. */
  readonly value: (row: StepRow, minutes: number) => number | string | null;
  readonly show: (row: StepRow, minutes: number) => ComponentChildren;
  /** What it means, where the title does not tell. */
  readonly hint?: string | undefined;
}

const attemptsOf = (row: StepRow) => (isCounted(row) ? row.succeeded + row.failed : null);
const failedOf = (row: StepRow) => {
  const attempts = attemptsOf(row);
  return attempts ? row.failed / attempts : null;
};
const perMinuteOf = (row: StepRow, minutes: number) => {
  const attempts = attemptsOf(row);
  return attempts && attempts / minutes;
};

export const STEP_COLUMNS: readonly StepColumn[] = [
  { key: 'step', title: 'Step', value: ({ step }) => step, show: ({ step }) => step },
  number('processes', 'Processes', ({ processes }) => processes, integer, 'Live processes that provide it'),
  {
    key: 'due',
    title: 'Due',
    hint: 'Jobs that could begin now',
    value: ({ due }) => due.count,
    show: ({ due, step }) =>
      due.count === 0 ? (
        orDash(0, integer)
      ) : (
        <a href={href('jobs', { status: 'submitted', step })}>{bounded(due)}</a>
      ),
  },
  number('oldest', 'Oldest due', ({ oldestDueMs }) => oldestDueMs, duration),
  number('attempts', 'Attempts', attemptsOf, integer),
  {
    key: 'failed',
    title: 'Failed',
    hint: 'Share of the attempts that failed',
    value: failedOf,
    show: (row) => {
      const share = failedOf(row);
      if (share === null || share < FAILING) return orDash(share, percent);
      return <span class="failing">{percent(share)}</span>;
    },
  },
  number('rate', 'Per min', perMinuteOf, rate),
  number('mean', 'Mean', ({ run }) => run.meanMs, duration),
  number('p50', 'p50', ({ run }) => run.p50Ms, duration),
  number('p95', 'p95', ({ run }) => run.p95Ms, duration),
  number('p99', 'p99', ({ run }) => run.p99Ms, duration),
  number('wait', 'Wait p95', ({ wait }) => wait.p95Ms, duration),
];

/** What the overview shows of the busiest. */
export const BUSY_COLUMNS = STEP_COLUMNS.filter(({ key }) =>
  ['step', 'due', 'oldest', 'attempts', 'failed', 'rate', 'p50', 'p95', 'wait'].includes(key),
);

/** Whether attempts and processes are known: with `monitoring: false`, and where their tables cannot be read, they are not. */
export function isCounted({ processes }: StepRow): boolean {
  return processes !== null;
}

export function minutesOf(range: Range): number {
  return RANGES[range].minutes;
}

/** In order of a column; what is not known comes last in both directions. */
export function sortedBy(
  rows: readonly StepRow[],
  column: StepColumn,
  descending: boolean,
  minutes: number,
): readonly StepRow[] {
  const direction = descending ? -1 : 1;
  return rows.toSorted((one, other) => {
    const a = column.value(one, minutes);
    const b = column.value(other, minutes);
    if (a === b) return one.step < other.step ? -1 : 1;
    if (a === null) return 1;
    if (b === null) return -1;
    return a < b ? -direction : direction;
  });
}

function number(
  key: string,
  title: string,
  value: (row: StepRow, minutes: number) => number | null,
  text: (value: number) => string,
  hint?: string,
): StepColumn {
  return { key, title, hint, value, show: (row, minutes) => orDash(value(row, minutes), text) };
}

/** Numbers that say nothing step back. */
function orDash(value: number | null, text: (value: number) => string): ComponentChildren {
  return value ? text(value) : <span class="quiet">{value === null ? '–' : text(0)}</span>;
}
