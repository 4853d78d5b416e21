import type { Statement } from '../connections/internal.connection.js';
import type { JobChange, LeaseKey } from '../job-store.js';
import type { RawSql } from '../sql-template.js';
import type { RowPlace } from './postgres.dialect.js';

/*
 * Changes of steps that succeeded at their first attempt, as most do. What is written follows from few facts, so there is
 * nothing to join: ends cost two thirds of what other changes cost, progress four fifths. A small batch that holds other
 * changes too gains nothing when it is cut in two.
 */

/** Whether `progressStatement()` can write them. */
export function arePlainProgress(changes: readonly JobChange[]): boolean {
  return changes.every((change) => isPlainEnd(change) || isPlainSuccess(change));
}

/** Whether `endStatement()` can write them, which is cheaper still. */
export function arePlainEnds(changes: readonly JobChange[]): boolean {
  const { atStep } = changes[0]!;
  return changes.every((change) => change.atStep === atStep && isPlainEnd(change));
}

/**
 * Ends jobs that are at the same step. The fence is one look-up of the owner for each row. It returns no rows: their
 * number nearly always says that all were written. Where some were not, `endedStatement()` tells which were.
 */
export function endStatement(jobs: RawSql, ends: readonly JobChange[], place: RowPlace): Statement {
  return {
    sql: `
    UPDATE ${jobs} j
       SET status = 'succeeded', attempts = 0, mark = NULL, crashes = NULL, error = NULL, error_name = NULL,
           due_at = NULL, ended_at = clock_timestamp()
     WHERE j.${place} = ANY (ARRAY (
             SELECT e.${place}
               FROM ${jobs} e
              WHERE e.gid = ANY (ARRAY (SELECT jsonb_object_keys($1::jsonb)))
                AND e.owner = $1::jsonb ->> e.gid::text
                AND e.step_index = $2::int
                AND e.status = 'submitted'
                FOR UPDATE SKIP LOCKED))`,
    params: [encode(ends, ownerOf), ends[0]!.atStep],
  };
}

/** Finds those of the jobs that have ended under their owners. Nobody else writes that. */
export function endedStatement(jobs: RawSql, ends: readonly LeaseKey[]): Statement {
  return {
    sql: `
    SELECT e.gid
      FROM ${jobs} e
     WHERE e.gid = ANY (ARRAY (SELECT jsonb_object_keys($1::jsonb)))
       AND e.owner = $1::jsonb ->> e.gid::text
       AND e.status = 'succeeded'`,
    params: [encode(ends, ownerOf)],
  };
}

/**
 * Ends jobs, and moves others to their next step, whose names are in the second object. It returns its rows: afterwards,
 * a job that was moved earlier looks like one that was moved now.
 */
export function progressStatement(jobs: RawSql, changes: readonly JobChange[], place: RowPlace): Statement {
  const goingOn = changes.filter(({ status }) => status === 'submitted');
  return {
    sql: `
    UPDATE ${jobs} j
       SET status = CASE WHEN $2::jsonb ? j.gid::text THEN 'submitted' ELSE 'succeeded' END,
           step_index = j.step_index + CASE WHEN $2::jsonb ? j.gid::text THEN 1 ELSE 0 END,
           step_name = COALESCE($2::jsonb ->> j.gid::text, j.step_name),
           attempts = 0,
           mark = NULL,
           crashes = NULL,
           error = NULL,
           error_name = NULL,
           due_at = CASE WHEN $2::jsonb ? j.gid::text THEN j.due_at END,
           ended_at = CASE WHEN $2::jsonb ? j.gid::text THEN NULL ELSE clock_timestamp() END
     WHERE j.${place} = ANY (ARRAY (
             SELECT p.${place}
               FROM ${jobs} p
              WHERE p.gid = ANY (ARRAY (SELECT jsonb_object_keys($1::jsonb)))
                AND p.owner || '/' || p.step_index = $1::jsonb ->> p.gid::text
                AND p.status = 'submitted'
                FOR UPDATE SKIP LOCKED))
    RETURNING j.gid`,
    params: [encode(changes, fenceOf), encode(goingOn, ({ stepName }) => stepName!)],
  };
}

/** The last step stays the current one. */
function isPlainEnd(change: JobChange): boolean {
  return (
    change.status === 'succeeded' &&
    change.stepIndex === change.atStep &&
    change.due === null &&
    isPlain(change)
  );
}

/** A next step follows, under the same lease. */
function isPlainSuccess(change: JobChange): boolean {
  return (
    change.status === 'submitted' &&
    change.stepIndex === change.atStep + 1 &&
    change.stepName !== null &&
    change.due === 'keep' &&
    isPlain(change)
  );
}

function isPlain({ attempts, mark, error, attemptLog, release }: JobChange): boolean {
  return attempts === 0 && mark === null && error === null && attemptLog === null && !release;
}

function ownerOf({ owner }: LeaseKey): string {
  return owner;
}

/** Unambiguous: the number after the last slash is the step's. */
function fenceOf({ owner, atStep }: JobChange): string {
  return `${owner}/${atStep}`;
}

/** A JSON object with a text for each gid. Built by hand: an object with a key for each gid is expensive to make. */
function encode<T extends LeaseKey>(changes: readonly T[], textOf: (change: T) => string): string {
  return `{${changes.map((change) => `${JSON.stringify(change.gid)}:${JSON.stringify(textOf(change))}`).join()}}`;
}
