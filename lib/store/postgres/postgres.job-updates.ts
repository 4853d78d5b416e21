import type { Statement } from '../connections/internal.connection.js';
import type { JobUpdate } from '../job-table.js';

/** What `json_to_recordset()` makes of encoded updates. */
const ENCODED_UPDATE_COLUMNS = `
  gid text, owner text, at_step int, status text, step_index int, step_name text, attempts int, attempt_log text,
  error text, due float8, keep bool, release bool`;

/** The statement for updates that leave out locked rows. */
export function updateStatement(jobs: string, updates: readonly JobUpdate[]): Statement {
  return anyUpdateStatement(jobs, updates, 'SKIP LOCKED');
}

/** The same, but waits for locked rows. */
export function patientUpdateStatement(jobs: string, updates: readonly JobUpdate[]): Statement {
  return anyUpdateStatement(jobs, updates, '');
}

/**
 * Rows are updated where they were locked, which saves a second look into the index. One that was renewed in that
 * moment has moved, and is left out like a locked one. Whoever waits for locks waits for such moves: there, the gid
 * finds the row.
 */
function anyUpdateStatement(
  jobs: string,
  updates: readonly JobUpdate[],
  wait: 'SKIP LOCKED' | '',
): Statement {
  const place = wait === '' ? 'gid' : 'ctid';
  return {
    sql: `
    WITH locked AS MATERIALIZED (
      SELECT l.place, c.status, c.step_index, c.step_name, c.attempts, c.attempt_log, c.error, c.due, c.keep, c.release
        FROM (SELECT *
                FROM json_to_recordset($1::json) AS n(${ENCODED_UPDATE_COLUMNS})
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
           attempt_log = COALESCE(c.attempt_log, j.attempt_log),
           error = c.error,
           owner = CASE WHEN c.release THEN NULL ELSE j.owner END,
           due_at = CASE WHEN c.keep THEN j.due_at ELSE clock_timestamp() + c.due * interval '1 millisecond' END,
           ended_at = CASE WHEN c.status = 'submitted' THEN NULL ELSE clock_timestamp() END
      FROM locked c
     WHERE j.${place} = c.place AND j.${place} = ANY (ARRAY (SELECT locked.place FROM locked))
    RETURNING j.gid`,
    params: [encodeUpdates(updates)],
  };
}

/**
 * Updates as one JSON text, which costs both sides less than an array for each of twelve columns. What is left out
 * is NULL there: most updates are the end of a job at its first attempt, and every column costs the server time.
 */
function encodeUpdates(updates: readonly JobUpdate[]): string {
  return JSON.stringify(updates.map(encode));
}

function encode(update: JobUpdate): object {
  return {
    gid: update.gid,
    owner: update.owner,
    at_step: update.atStep,
    status: update.status,
    step_index: update.stepIndex === update.atStep ? undefined : update.stepIndex,
    step_name: update.stepName ?? undefined,
    attempts: update.attempts || undefined,
    attempt_log: update.attemptLog ?? undefined,
    error: update.error ?? undefined,
    due: update.due === 'keep' ? undefined : (update.due ?? undefined),
    keep: update.due === 'keep' || undefined,
    release: update.release || undefined,
  };
}
