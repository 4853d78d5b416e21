import { bounded, counted } from '../format.js';
import { href } from '../route.js';
import { Button } from './button.js';
import { PauseFacts } from './pause-state.js';
import { usePermission } from './session.js';
import { Empty } from './states.js';
import { Badge } from './status.js';
import type { Steered } from './steering.js';
import type { StepColumn, StepRow } from './step-columns.js';
import './step-table.css';

/** Which column the rows are sorted by. */
export interface Sorting {
  readonly key: string;
  readonly descending: boolean;
}

interface StepTableProps {
  /** Undefined: not known yet. */
  readonly rows: readonly StepRow[] | undefined;
  readonly columns: readonly StepColumn[];
  /** How long the time is that was counted. */
  readonly minutes: number;
  readonly caption: string;
  readonly steer: (steered: Steered) => void;
  readonly sorting?: Sorting;
  /** Absent: the order is fixed. */
  readonly onSort?: (key: string) => void;
}

/** Steps with their numbers, and what pauses and resumes them. */
export function StepTable({ rows, columns, minutes, caption, steer, sorting, onSort }: StepTableProps) {
  const { allowed } = usePermission('pause');
  if (rows?.length === 0)
    return (
      <Empty title="No steps yet">
        <p>A step appears here as soon as a process provides it.</p>
      </Empty>
    );
  return (
    <table class="table stacks step-table">
      <caption class="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <Heading key={column.key} column={column} sorting={sorting} onSort={onSort} />
          ))}
          {allowed && (
            <th>
              <span class="visually-hidden">Pause or resume</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {rows
          ? rows.map((row) => <Row key={row.step} row={row} {...{ columns, minutes, steer, allowed }} />)
          : Array.from({ length: 5 }, (_, index) => (
              <tr key={index} class="skeleton">
                <td colSpan={columns.length + Number(allowed)}>&nbsp;</td>
              </tr>
            ))}
      </tbody>
    </table>
  );
}

function Heading({
  column: { key, title, hint },
  sorting,
  onSort,
}: { readonly column: StepColumn } & Pick<StepTableProps, 'sorting' | 'onSort'>) {
  const isSorted = sorting?.key === key;
  const order = isSorted ? (sorting.descending ? 'descending' : 'ascending') : undefined;
  return (
    <th scope="col" class={key === 'step' ? undefined : `number of-${key}`} aria-sort={order} title={hint}>
      {onSort ? (
        <button type="button" class="sort" onClick={() => onSort(key)}>
          {title}
          <svg width="8" height="8" viewBox="0 0 8 8" fill="currentColor" aria-hidden="true" class={order}>
            <path d="M4 1 8 6H0z" />
          </svg>
        </button>
      ) : (
        title
      )}
    </th>
  );
}

function Row({
  row,
  columns,
  minutes,
  steer,
  allowed,
}: Pick<StepTableProps, 'columns' | 'minutes' | 'steer'> & {
  readonly row: StepRow;
  readonly allowed: boolean;
}) {
  const { step, pause } = row;
  return (
    <>
      <tr class={pause ? 'paused' : undefined}>
        <td class="wide">
          <a class="step-link" href={href('jobs', { step })}>
            {step}
          </a>
        </td>
        {columns.slice(1).map(({ key, title, show }) => (
          <td key={key} class={`number of-${key}`} data-label={title}>
            {show(row, minutes)}
          </td>
        ))}
        {allowed && <Steer row={row} steer={steer} />}
      </tr>
      {pause && (
        <tr class="pause-row">
          <td class="wide" colSpan={columns.length + Number(allowed)}>
            <Badge tone="amber" text={pause.kind === 'brake' ? 'Braked' : 'Paused'} />
            {pause.reason}
            <span class="quiet">
              {' · '}
              <PauseFacts pause={pause} />
            </span>
          </td>
        </tr>
      )}
    </>
  );
}

function Steer({ row, steer }: { readonly row: StepRow; readonly steer: (steered: Steered) => void }) {
  const { unavailable } = usePermission('pause', 'pause');
  const { step, pause, due } = row;
  const verb = pause === null ? 'Pause' : pause.kind === 'brake' ? 'Release' : 'Resume';
  return (
    <td class="wide steer">
      <Button
        small
        kind={pause === null ? 'plain' : ''}
        unavailable={unavailable}
        label={`${verb} ${step}`}
        onClick={() => steer({ step, pause, due: bounded(due) })}
      >
        {verb}
      </Button>
    </td>
  );
}

/** What the rows are, for the heading above them. */
export function stepCount(rows: readonly StepRow[] | undefined): string {
  return rows ? counted(rows.length, 'step') : '';
}
