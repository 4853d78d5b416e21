/** A message and the top of its stack fit into this many characters. */
const MAX_ERROR_LENGTH = 4000;

/** The text that a job keeps of an error. It leaves out NUL, since PostgreSQL's text cannot hold it. */
export function storableError(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  return text
    .replaceAll('\u0000', '')
    .slice(0, MAX_ERROR_LENGTH)
    .replace(/\p{Surrogate}/gu, '\uFFFD');
}
