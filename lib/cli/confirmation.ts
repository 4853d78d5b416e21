import type { CommandContext } from './command.js';
import { DeclinedError, UsageError } from './program.errors.js';

/** More jobs are not touched without a word. */
export const UNASKED = 100;

/**
 * Asks a person before many jobs are touched.
 *
 * @param sentence what would be done.
 * @throws DeclinedError when the answer is no; UsageError where nobody can be asked.
 */
export async function confirmMany(
  { values, terminal }: CommandContext,
  count: number,
  sentence: string,
): Promise<void> {
  if (count <= UNASKED || values['yes'] === true) return;
  if (!terminal.interactive || values['json'] === true)
    throw new UsageError(`${sentence} Say --yes if that is meant: nobody can be asked here.`);
  if (!(await terminal.confirm(`${sentence} Go on?`))) throw new DeclinedError('Nothing was done.');
}
