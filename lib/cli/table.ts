import { printable } from '../errors/printable.js';

/** What is cut in a table keeps this much. */
const LEAST_WIDTH = 12;
const GAP = 2;
const MAX_CELL = 1000;

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number;
  /** Its cells may be cut where a line would be too long. Ids never are: they are copied. */
  readonly cuttable?: boolean;
}

/** The lines of a table, aligned. Numbers stand to the right. Lines are no longer than `width` as far as columns can be cut. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | undefined,
): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const texts = cells.map((line) => line.map((cell) => printable(String(cell), MAX_CELL)));
  const natural = columns.map(({ title }, at) =>
    Math.max(title.length, ...texts.map((line) => lengthOf(line[at]!))),
  );
  const widths = fitted(natural, columns, width);
  const isRight = columns.map(
    (_, at) => cells.length > 0 && cells.every((line) => typeof line[at] === 'number'),
  );
  const lineOf = (line: readonly string[]): string =>
    line
      .map((text, at) => padded(cutText(text, widths[at]!), widths[at]!, isRight[at]!))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [lineOf(columns.map(({ title }) => title)), ...texts.map(lineOf)];
}

/** Pairs of a name and a text, the texts under each other and wrapped. */
export function pairs(
  entries: readonly (readonly [name: string, text: string])[],
  width: number | undefined,
): string[] {
  const indent = Math.max(0, ...entries.map(([name]) => name.length)) + GAP;
  return entries.flatMap(([name, text]) => {
    const [first = '', ...more] = wrapped(text, width === undefined ? undefined : width - indent);
    return [`${name.padEnd(indent)}${first}`.trimEnd(), ...more.map((line) => ' '.repeat(indent) + line)];
  });
}

/** The lines of a text, broken at spaces. A word that is longer than a line stays whole. */
export function wrapped(text: string, width: number | undefined): string[] {
  const shown = printable(text, MAX_CELL);
  if (width === undefined) return [shown];
  const lines: string[] = [];
  let line = '';
  for (const word of shown.split(' ')) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Takes from the widest of the columns that can be cut, until a line fits. */
function fitted<Row>(
  natural: readonly number[],
  columns: readonly Column<Row>[],
  width: number | undefined,
): number[] {
  const widths = [...natural];
  let over = widths.reduce((sum, each) => sum + each, GAP * (widths.length - 1)) - (width ?? Infinity);
  while (over > 0) {
    const at = widest(widths, columns);
    if (at === -1) break;
    widths[at]! -= 1;
    over -= 1;
  }
  return widths;
}

function widest<Row>(widths: readonly number[], columns: readonly Column<Row>[]): number {
  let found = -1;
  widths.forEach((each, at) => {
    if (columns[at]!.cuttable && each > LEAST_WIDTH && (found === -1 || each > widths[found]!)) found = at;
  });
  return found;
}

function cutText(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function padded(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return right ? space + text : text + space;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
