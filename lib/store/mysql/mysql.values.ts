import { RawSql } from '../sql-template.js';

/** INTERVAL takes whole numbers. */
export function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000);
}

/** Comparisons and lists take no account of spaces at the end of a text here. */
export const NO_SPACE_AT_END = new RawSql(`NOT LIKE '% '`);

/** A hundred years: longer would leave the range of a DATETIME. */
export const EVER_MS = 100 * 365 * 24 * 3600 * 1000;
