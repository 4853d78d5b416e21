import type { Entry } from '../contenders/entries.ts';
import type { Options } from '../options.ts';
import type { Databases } from '../server/databases.ts';
import type { OwnPostgres } from '../server/own-postgres.ts';

/** Everything that a workload needs. */
export interface Bench {
  readonly options: Options;
  readonly postgres: OwnPostgres;
  readonly databases: Databases;
}

/** Numbers of one run, by name. */
export type Figures = Record<string, number>;

/** One column of a workload's table. */
export interface Column {
  readonly title: string;
  /** Name of the figure. */
  readonly figure: string;
  readonly digits: number;
  /** Also show the median of the ratios to the base in the same round. */
  readonly ratio?: boolean;
}

export interface Run {
  readonly contender: string;
  readonly round: number;
  readonly figures: Figures;
  /** Kept in the JSON file, but not shown. */
  readonly details?: unknown;
}

export interface WorkloadResult {
  readonly workload: string;
  readonly title: string;
  /** The contender that ratios refer to. */
  readonly base: string;
  readonly columns: readonly Column[];
  readonly runs: readonly Run[];
}

/**
 * Interleaves the contenders: a round runs each of them once, and each round begins with the next one. A contender that fails is
 * reported and left out of the table; the others continue.
 */
export async function interleaved<T>(
  { options }: Bench,
  label: string,
  contenders: readonly T[],
  nameOf: (contender: T) => string,
  run: (contender: T) => Promise<Omit<Run, 'contender' | 'round'>>,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (let at = 0; at < contenders.length; at += 1) {
      const contender = contenders[(at + round) % contenders.length]!;
      const name = nameOf(contender);
      process.stderr.write(`${label}, round ${round + 1} of ${options.rounds}: ${name} ... `);
      try {
        const result = await run(contender);
        runs.push({ contender: name, round, ...result });
        const [figure, value] = Object.entries(result.figures)[0]!;
        process.stderr.write(`${figure} ${value.toFixed(2)}\n`);
      } catch (error) {
        process.stderr.write(`failed: ${String((error as Error).stack ?? error)}\n`);
        process.exitCode = 1;
      }
    }
  }
  return runs;
}

/** The contenders selected by `--only`, or all. The base is always included. */
export function chosen(entries: readonly Entry[], { only }: Options, base: string): Entry[] {
  if (only.length === 0) return [...entries];
  return entries.filter(({ name }) => name === base || only.some((part) => name.includes(part)));
}
