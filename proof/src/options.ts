import { parseArgs } from 'node:util';
import type { Backend, Placement } from './target.js';

export interface ProofOptions {
  /** Length of each attack on each target. */
  readonly seconds: number;
  readonly rounds: number;
  /** Names of attacks. */
  readonly only: readonly string[];
  readonly backends: readonly Backend[];
  readonly placements: readonly Placement[];
  readonly seed: number;
  /** Jobs a second. */
  readonly rate: number;
  /** A folder for results. */
  readonly output: string | undefined;
  /** A folder of results to report on, instead of attacking. */
  readonly report: string | undefined;
}

const ATTACKS = 'kill,faults,races,shutdown,load,silence,waits,poison,pool,slow,operator,events';

export function readOptions(args: readonly string[]): ProofOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '1' },
      only: { type: 'string', default: ATTACKS },
      database: { type: 'string', default: 'postgres,mariadb,sqlite' },
      placement: { type: 'string', default: 'one,two,dtm' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      rate: { type: 'string', default: '60' },
      output: { type: 'string' },
      report: { type: 'string' },
    },
  });
  return {
    seconds: number(values.seconds, 'seconds'),
    rounds: number(values.rounds, 'rounds'),
    only: list(values.only, ATTACKS.split(','), 'only'),
    backends: list(values.database, ['postgres', 'mariadb', 'sqlite'], 'database'),
    placements: list(values.placement, ['one', 'two', 'dtm'], 'placement'),
    seed: number(values.seed, 'seed'),
    rate: number(values.rate, 'rate'),
    output: values.output,
    report: values.report,
  };
}

function number(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${option} is no number: ${text}`);
  return value;
}

function list<T extends string>(text: string, known: readonly T[], option: string): T[] {
  return text.split(',').map((name) => {
    const found = known.find((candidate) => candidate === name);
    if (found === undefined) throw new Error(`--${option} takes ${known.join(', ')}; not ${name}`);
    return found;
  });
}
