import type { Statement } from '../connections/internal.connection.js';
import type { JobOwner, JobUpdate } from '../job-table.js';

/*
 * Updates of steps that succeeded at their first attempt, which most are. What is written follows from few facts, so
 * there is nothing to join, which costs less: two thirds of any updates' cost for ends, four fifths for progress. A small
 * batch that holds others too gains nothing by being cut in two.
 */

/** Whether `progressStatement()` does for them. */
export function arePlainProgress(updates: readonly JobUpdate[]): boolean {
  return updates.every((update) => isPlainEnd(update) || isPlainSuccess(update));
}

/** Whether `endStatement()` does for them, which is cheaper still. */
export function arePlainEnds(updates: readonly JobUpdate[]): boolean {
  const { atStep } = updates[0]!;
  return updates.every((update) => update.atStep === atStep && isPlainEnd(update));
}

/**
 * Jobs that end at the same step: who owns which gid is one look-up for each row. It returns no rows, since their number
 * says nearly always that all were written; where some were not, `endedStatement()` tells which were.
 */
export function endStatement(jobs: string, ends: readonly JobUpdate[]): Statement {
  return {
    sql: `
    UPDATE ${jobs} j
       SET status = 'succeeded', attempts = 0, error = NULL, due_at = NULL, ended_at = clock_timestamp()
     WHERE j.ctid = ANY (ARRAY (
             SELECT e.ctid
               FROM ${jobs} e
              WHERE e.gid = ANY (ARRAY (SELECT jsonb_object_keys($1::jsonb)))
                AND e.owner = $1::jsonb ->> e.gid::text
                AND e.step_index = $2::int
                AND e.status = 'submitted'
                FOR UPDATE SKIP LOCKED))`,
    params: [encode(ends, ownerOf), ends[0]!.atStep],
  };
}

/** Those of the jobs that have ended under their owners: nobody else writes that. */
export function endedStatement(jobs: string, ends: readonly JobOwner[]): Statement {
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
 * Jobs that end, and jobs that go on: the second object has the name of their next step. It returns its rows: one that
 * had been taken to its next step before could not be told from one that was just now.
 */
export function progressStatement(jobs: string, updates: readonly JobUpdate[]): Statement {
  const goingOn = updates.filter(({ status }) => status === 'submitted');
  return {
    sql: `
    UPDATE ${jobs} j
       SET status = CASE WHEN $2::jsonb ? j.gid::text THEN 'submitted' ELSE 'succeeded' END,
           step_index = j.step_index + CASE WHEN $2::jsonb ? j.gid::text THEN 1 ELSE 0 END,
           step_name = COALESCE($2::jsonb ->> j.gid::text, j.step_name),
           attempts = 0,
           error = NULL,
           due_at = CASE WHEN $2::jsonb ? j.gid::text THEN j.due_at END,
           ended_at = CASE WHEN $2::jsonb ? j.gid::text THEN NULL ELSE clock_timestamp() END
     WHERE j.ctid = ANY (ARRAY (
             SELECT p.ctid
               FROM ${jobs} p
              WHERE p.gid = ANY (ARRAY (SELECT jsonb_object_keys($1::jsonb)))
                AND p.owner || '/' || p.step_index = $1::jsonb ->> p.gid::text
                AND p.status = 'submitted'
                FOR UPDATE SKIP LOCKED))
    RETURNING j.gid`,
    params: [encode(updates, fenceOf), encode(goingOn, ({ stepName }) => stepName!)],
  };
}

/** The last step stays the current one, under its name. */
function isPlainEnd(update: JobUpdate): boolean {
  return (
    update.status === 'succeeded' &&
    update.stepIndex === update.atStep &&
    update.due === null &&
    isPlain(update)
  );
}

/** A next step follows, under the same lease. */
function isPlainSuccess(update: JobUpdate): boolean {
  return (
    update.status === 'submitted' &&
    update.stepIndex === update.atStep + 1 &&
    update.stepName !== null &&
    update.due === 'keep' &&
    isPlain(update)
  );
}

function isPlain({ attempts, error, attemptLog, release }: JobUpdate): boolean {
  return attempts === 0 && error === null && attemptLog === null && !release;
}

function ownerOf({ owner }: JobOwner): string {
  return owner;
}

/** What a row must hold: unambiguous, since the number after the last slash is the step's. */
function fenceOf({ owner, atStep }: JobUpdate): string {
  return `${owner}/${atStep}`;
}

/** A text for each gid. By hand, because an object with a key for each gid is the most expensive one to make. */
function encode<T extends JobOwner>(updates: readonly T[], textOf: (update: T) => string): string {
  return `{${updates.map((update) => `${JSON.stringify(update.gid)}:${JSON.stringify(textOf(update))}`).join()}}`;
}
