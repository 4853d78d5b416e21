/** The longest error text kept with a job: enough for a message and the top of its stack. */
const MAX_ERROR_LENGTH = 4000;

/** An error as it is stored: without NUL, which PostgreSQL's text cannot hold, and cut. */
export function storableError(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  return text
    .replaceAll('\u0000', '')
    .slice(0, MAX_ERROR_LENGTH)
    .replace(/\p{Surrogate}/gu, '\uFFFD');
}
