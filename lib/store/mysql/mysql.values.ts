/** INTERVAL takes whole numbers. */
export function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000);
}

/** A hundred years: longer would leave the range of a DATETIME. */
export const EVER_MS = 100 * 365 * 24 * 3600 * 1000;
