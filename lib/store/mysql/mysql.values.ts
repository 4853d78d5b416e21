/** What stands between the brackets of an IN; for no values, a NULL, which equals nothing. */
export function placeholders(values: readonly unknown[]): string {
  return values.length === 0 ? 'NULL' : values.map(() => '?').join(', ');
}

/** INTERVAL takes whole numbers. */
export function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000);
}

/** A hundred years: longer would leave the range of a DATETIME. */
export const EVER_MS = 100 * 365 * 24 * 3600 * 1000;
