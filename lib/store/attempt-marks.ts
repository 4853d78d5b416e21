/**
 * What is known of the attempts of a job's current step. Most jobs have no mark: nothing has interrupted them, and nothing
 * was written when their attempt began.
 *
 * - `takenOver`: claimed after a lease had expired; no attempt has begun under the new one.
 * - `begun`: an attempt has begun, and ends with its process if the lease expires.
 * - `crashed`: claimed after such an end, which is counted already.
 * - `released`: nobody holds the job, which had a mark before.
 */
export type AttemptMark = 'takenOver' | 'begun' | 'crashed' | 'released';

/** The largest number that the columns hold. */
export const MAX_ATTEMPTS = 2 ** 31 - 1;

export interface AttemptMarks {
  readonly attempts: number;
  readonly mark: AttemptMark | null;
  /** How many attempts in a row have begun and ended with their process; `null` where none is known. */
  readonly crashes: number | null;
}

/** What a claim makes of a submitted job whose lease has expired: only an attempt that had begun is counted. */
export function takenOver({ attempts, mark, crashes }: AttemptMarks): AttemptMarks {
  if (mark !== 'begun') return { attempts, crashes, mark: mark === 'crashed' ? mark : 'takenOver' };
  const next = (count: number): number => Math.min(count + 1, MAX_ATTEMPTS);
  return { attempts: next(attempts), crashes: next(crashes ?? 0), mark: 'crashed' };
}

/**
 * The same in SQL, for any job that is claimed. MySQL assigns from left to right: each needs the old values of `mark` and
 * `owner`.
 */
export const TAKE_OVER = `
  attempts = CASE WHEN mark = 'begun' AND owner IS NOT NULL AND attempts < ${MAX_ATTEMPTS} THEN attempts + 1
                  ELSE attempts END,
  crashes = CASE WHEN mark = 'begun' AND owner IS NOT NULL AND COALESCE(crashes, 0) < ${MAX_ATTEMPTS}
                 THEN COALESCE(crashes, 0) + 1 ELSE crashes END,
  mark = CASE WHEN status <> 'submitted' OR owner IS NULL THEN mark
              WHEN mark IN ('begun', 'crashed') THEN 'crashed'
              ELSE 'takenOver' END`;
