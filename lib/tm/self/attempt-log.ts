/**
 * What a job's row keeps of earlier steps that did not succeed at their first attempt: `index:attempts`, separated by commas; of a step that
 * was skipped `index:attemptss`.
 */

/** What is known of one of them. */
export interface LoggedStep {
  readonly attempts: number;
  readonly skipped: boolean;
}

/** What the column holds everywhere. */
const MAX_LENGTH = 60_000;

/** The log with an entry for a step that is done. */
export function extendLog(log: string | null, index: number, { attempts, skipped }: LoggedStep): string {
  const entry = `${index}:${attempts}${skipped ? 's' : ''}`;
  if (!log) return entry;
  const extended = `${log},${entry}`;
  // The oldest go first.
  if (extended.length <= MAX_LENGTH) return extended;
  return extended.slice(extended.indexOf(',', extended.length - MAX_LENGTH) + 1);
}

/** By the index of the step. */
export function parseLog(log: string | null): ReadonlyMap<number, LoggedStep> {
  const entries = (log ?? '').split(',').filter((entry) => entry !== '');
  return new Map(
    entries.map((entry) => {
      const [index, attempts = ''] = entry.split(':');
      return [Number(index), { attempts: Number.parseInt(attempts, 10), skipped: attempts.endsWith('s') }];
    }),
  );
}
