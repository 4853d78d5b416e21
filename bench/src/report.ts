import { median } from './measure/numbers.ts';
import type { Column, Run, WorkloadResult } from './workloads/bench.ts';

/** A Markdown table: medians over the rounds, some with the median of their ratios to the base. */
export function tableOf({ workload, title, base, columns, runs }: WorkloadResult): string {
  const shown = columns.filter(({ figure }) => runs.some(({ figures }) => figures[figure] !== undefined));
  const head = [
    'contender',
    ...shown.flatMap(({ title: name, ratio }) => (ratio ? [name, `of ${base}`] : [name])),
  ];
  const names = [...new Set(runs.filter(({ round }) => round === 0).map(({ contender }) => contender))];
  const rows = names.map((name) => [name, ...shown.flatMap((column) => cells(runs, name, base, column))]);
  rows.sort((left, right) => order(left, base) - order(right, base));
  return [
    `### ${workload}: ${title}`,
    '',
    line(head),
    line(head.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...rows.map(line),
    '',
  ].join('\n');
}

/** The base first, then the others in the order in which they ran. */
function order(row: readonly string[], base: string): number {
  return row[0] === base ? 0 : 1;
}

function cells(
  runs: readonly Run[],
  name: string,
  base: string,
  { figure, digits, ratio }: Column,
): string[] {
  const values = runs.filter(({ contender }) => contender === name).map(({ figures }) => figures[figure]);
  const known = values.filter((value) => value !== undefined);
  const value = known.length === 0 ? '-' : median(known).toFixed(digits);
  if (!ratio) return [value];
  const ratios = ratiosOf(runs, name, base, figure);
  return [value, ratios.length === 0 ? '-' : median(ratios).toFixed(2)];
}

/** Compares each run with the base's run of the same round, because the machine's speed changes from round to round. */
export function ratiosOf(runs: readonly Run[], name: string, base: string, figure: string): number[] {
  const ratios: number[] = [];
  for (const run of runs) {
    if (run.contender !== name) continue;
    const against = runs.find(({ contender, round }) => contender === base && round === run.round);
    const value = run.figures[figure];
    const reference = against?.figures[figure];
    if (value !== undefined && reference !== undefined && reference > 0) ratios.push(value / reference);
  }
  return ratios;
}

function line(cellsOfLine: readonly string[]): string {
  return `| ${cellsOfLine.join(' | ')} |`;
}
