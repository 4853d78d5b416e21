import type { Statement } from '../connections/internal.connection.js';
import type { JobChange } from '../job-store.js';
import type { RawSql } from '../sql-template.js';
import type { RowPlace } from './postgres.dialect.js';

/** The columns that `json_to_recordset()` makes of encoded changes. */
const ENCODED_COLUMNS = `
  gid text, owner text, at_step int, status text, step_index int, step_name text, attempts int, mark text,
  crashes int, attempt_log text, error text, error_name text, due float8, keep bool, release bool`;

/**
 * Any changes, where `progressStatement()` does not do. Skips locked rows, or waits for them.
 *
 * With `ctid`, rows are updated where they were locked, which saves a second look into the index. A row that was renewed
 * meanwhile has moved, and is left out like a locked one. So a statement that waits for locks has to find its rows by gid.
 */
export function updateStatement(
  jobs: RawSql,
  changes: readonly JobChange[],
  wait: 'SKIP LOCKED' | '',
  place: RowPlace,
): Statement {
  return {
    sql: `
    WITH locked AS MATERIALIZED (
      SELECT l.place, c.status, c.step_index, c.step_name, c.attempts, c.mark, c.crashes, c.attempt_log, c.error,
             c.error_name, c.due, c.keep, c.release
        FROM (SELECT *
                FROM json_to_recordset($1::json) AS n(${ENCODED_COLUMNS})
               ORDER BY n.gid COLLATE "C") c
       CROSS JOIN LATERAL (
         SELECT t.${place} AS place
           FROM ${jobs} t
          WHERE t.gid = c.gid AND t.owner = c.owner AND t.step_index = c.at_step AND t.status = 'submitted'
            FOR UPDATE ${wait}
       ) l
    )
    UPDATE ${jobs} j
       SET status = c.status,
           step_index = COALESCE(c.step_index, j.step_index),
           step_name = c.step_name,
           attempts = COALESCE(c.attempts, 0),
           mark = c.mark,
           crashes = c.crashes,
           attempt_log = COALESCE(c.attempt_log, j.attempt_log),
           error = c.error,
           error_name = CASE WHEN c.error IS NOT NULL THEN COALESCE(c.error_name, j.error_name) END,
           owner = CASE WHEN c.release THEN NULL ELSE j.owner END,
           due_at = CASE WHEN c.keep THEN j.due_at ELSE clock_timestamp() + c.due * interval '1 millisecond' END,
           ended_at = CASE WHEN c.status = 'submitted' THEN NULL ELSE clock_timestamp() END
      FROM locked c
     WHERE j.${place} = c.place AND j.${place} = ANY (ARRAY (SELECT locked.place FROM locked))
    RETURNING j.gid`,
    params: [JSON.stringify(changes.map(encode))],
  };
}

/**
 * Changes travel as one JSON text, which costs both sides less than an array for each column. What is left
 * out is NULL there: most changes are the end of a job at its first attempt, and every column costs the server time.
 */
function encode(change: JobChange): object {
  return {
    gid: change.gid,
    owner: change.owner,
    at_step: change.atStep,
    status: change.status,
    step_index: change.stepIndex === change.atStep ? undefined : change.stepIndex,
    step_name: change.stepName ?? undefined,
    attempts: change.attempts || undefined,
    mark: change.mark ?? undefined,
    crashes: change.crashes ?? undefined,
    attempt_log: change.attemptLog ?? undefined,
    error: change.error ?? undefined,
    error_name: change.errorName ?? undefined,
    due: change.due === 'keep' ? undefined : (change.due ?? undefined),
    keep: change.due === 'keep' || undefined,
    release: change.release || undefined,
  };
}
