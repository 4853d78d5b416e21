import type { JobUpdate } from './job-table.js';

/** What `json_to_recordset()` makes of encoded updates. */
export const ENCODED_UPDATE_COLUMNS = `
  gid text, owner text, at_step int, status text, step_index int, step_name text, attempts int, attempt_log text,
  error text, due float8, keep bool, release bool`;

/** Updates as one JSON text, which costs both sides less than an array for each of twelve columns. */
export function encodeUpdates(updates: readonly JobUpdate[]): string {
  return JSON.stringify(
    updates.map((update) => {
      const keep = update.due === 'keep';
      return {
        gid: update.gid,
        owner: update.owner,
        at_step: update.atStep,
        status: update.status,
        step_index: update.stepIndex,
        step_name: update.stepName,
        attempts: update.attempts,
        attempt_log: update.attemptLog,
        error: update.error,
        due: keep ? null : update.due,
        keep,
        release: update.release,
      };
    }),
  );
}
