import { majorOf, nodeVersions, variants, type NodeVersion, type Variant, type Versions } from './cells.js';
import type { toldPackages } from './installation.js';

/** A variant that failed in a cell, and why. */
export interface Failure {
  readonly variant: Variant;
  readonly reason: string;
}

/** One installation on one Node.js. */
export interface Cell {
  readonly node: NodeVersion;
  readonly failures: readonly Failure[];
}

/** One NestJS with one TypeORM, and a cell for each Node.js. */
export interface Row {
  readonly wanted: Versions;
  /** The versions that npm installed; undefined where it could not. */
  readonly installed?: Readonly<Record<(typeof toldPackages)[number], string>>;
  readonly cells: readonly Cell[];
}

export const columns: readonly string[] = [
  'NestJS',
  '@nestjs/typeorm',
  '@nestjs/schedule',
  'TypeORM',
  ...nodeVersions.map((node) => `Node ${majorOf(node)}`),
];

const begin = '<!-- matrix -->';
const end = '<!-- /matrix -->';

/** The table as Markdown, its columns aligned as the formatter has them. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows.map(({ wanted, installed, cells }) => [
    installed?.['@nestjs/core'] ?? String(wanted.nest),
    installed?.['@nestjs/typeorm'] ?? '',
    installed?.['@nestjs/schedule'] ?? '',
    installed?.typeorm ?? wanted.typeorm,
    ...nodeVersions.map((version) => textOf(cells.find(({ node }) => node === version)!)),
  ]);
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...lines.map((line) => line[index]!.length)),
  );
  const format = (line: readonly string[]): string =>
    `| ${line.map((text, index) => text.padEnd(widths[index]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [format(columns), rule, ...lines.map(format)].join('\n');
}

function textOf({ failures }: Cell): string {
  const passed = `${variants.length - failures.length} of ${variants.length} pass`;
  return [passed, ...failures.map((failure) => inOneLine(describe(failure)))].join('; ');
}

function describe({ variant: { kind, platform, store }, reason }: Failure): string {
  return `${kind}, ${platform}, ${store}: ${reason}`;
}

function inOneLine(text: string): string {
  return text.split('\n')[0]!.replaceAll('|', '/').slice(0, 160).trim();
}

/** The README with this table between its markers. */
export function withTable(readme: string, table: string): string {
  const [before, , after] = split(readme);
  return `${before}${begin}\n\n${table}\n\n${end}${after}`;
}

/** The table that the README holds at present. */
export function tableOf(readme: string): string {
  return split(readme)[1].trim();
}

function split(readme: string): [before: string, between: string, after: string] {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md needs "${begin}" and, below it, "${end}"`);
  return [readme.slice(0, from), readme.slice(from + begin.length, to), readme.slice(to + end.length)];
}
