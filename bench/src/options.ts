import { parseArgs } from 'node:util';

export type WorkloadLetter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H';

export interface Options {
  readonly workloads: readonly WorkloadLetter[];
  readonly rounds: number;
  /** Jobs of A, B, E, F and H. */
  readonly jobs: number;
  /** Warm-up jobs. With fewer, V8's optimizing compiler takes a tenth to a fifth of the process's time. */
  readonly warmUp: number;
  /** Jobs of C; G has five times as many. */
  readonly drain: number;
  /** Jobs of D. */
  readonly paced: number;
  /** Rows in the table before E starts. */
  readonly crowd: number;
  /** Parts of contender names. Only these contenders and the base run. */
  readonly only: readonly string[];
  /** The folder of another built library to compare with. */
  readonly compare: string | undefined;
  /** The folder of the library under test. */
  readonly library: string;
  /** Folder for CPU profiles of all contenders. */
  readonly profile: string | undefined;
}

const LETTERS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'] as const;

export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      jobs: { type: 'string' },
      'warm-up': { type: 'string' },
      drain: { type: 'string' },
      paced: { type: 'string' },
      crowd: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      compare: { type: 'string' },
      library: { type: 'string', default: new URL('../..', import.meta.url).pathname },
      profile: { type: 'string' },
    },
  });
  const number = (
    name: 'rounds' | 'jobs' | 'warm-up' | 'drain' | 'paced' | 'crowd',
    usual: number,
    quick: number,
  ): number => {
    const value = values[name] === undefined ? (values.quick ? quick : usual) : Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1.`);
    return value;
  };
  const jobs = number('jobs', 10_000, 2_000);
  return {
    workloads: workloadsOf(positionals),
    rounds: number('rounds', 5, 2),
    jobs,
    warmUp: number('warm-up', 10_000, 1_000),
    drain: number('drain', 20_000, 5_000),
    paced: number('paced', 500, 150),
    crowd: number('crowd', 1_000_000, 100_000),
    only: values.only,
    compare: values.compare,
    library: values.library,
    profile: values.profile,
  };
}

/** `A C` and `AC` mean the same. No letters mean all workloads. */
function workloadsOf(positionals: readonly string[]): WorkloadLetter[] {
  const letters = positionals.join('').toUpperCase().split('');
  for (const letter of letters) {
    if (!LETTERS.includes(letter as WorkloadLetter)) throw new Error(`There is no workload '${letter}'.`);
  }
  return letters.length === 0 ? [...LETTERS] : LETTERS.filter((letter) => letters.includes(letter));
}
