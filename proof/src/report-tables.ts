import type { ProofRecord } from './results.js';
import { nameOf } from './target.js';

export function byTarget(records: readonly ProofRecord[]): [string, ProofRecord[]][] {
  const names = [...new Set(records.map(({ target }) => nameOf(target)))].sort();
  return names.map((name) => [name, records.filter(({ target }) => nameOf(target) === name)]);
}

export function sum(records: readonly ProofRecord[], of: (record: ProofRecord) => number): number {
  return records.reduce((total, record) => total + of(record), 0);
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function words(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Also a percentage, and a dash for a missing number. */
const NUMBER = /^(-|[\d.,]+( %)?)$/;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_, at) => (at > 0 && NUMBER.test(rows[0]?.[at] ?? '') ? '---:' : '---'))),
    ...rows.map(line),
  ].join('\n');
}
