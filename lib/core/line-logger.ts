import { Logger } from '@nestjs/common';
import { printable } from '../errors/printable.js';

/** Long enough for a sentence of ours with the text of an error in it. */
const MAX_LENGTH = 2000;
/** Of a field, so that one leaves room for the others. */
const MAX_FIELD_LENGTH = 1000;
/** What is left of its texts each time that a line is too long. */
const CUT_SHARE = 0.8;

/** A text, or the fields of a structured line. */
export type LogLine = string | Readonly<Record<string, string | number | null | undefined>>;

/**
 * What the library logs with. Names of steps and jobs, gids and messages may come from anybody: rows of a table, callers, answers of
 * servers. Whatever they hold, a call writes one line of bounded length. It never throws: what is logged about goes on, even where the
 * logger of the application fails.
 */
export class LineLogger extends Logger {
  override error(line: LogLine): void {
    guarded(() => super.error(lineOf(line)));
  }

  override warn(line: LogLine): void {
    guarded(() => super.warn(lineOf(line)));
  }

  override log(line: LogLine): void {
    guarded(() => super.log(lineOf(line)));
  }

  override debug(line: LogLine): void {
    guarded(() => super.debug(lineOf(line)));
  }
}

/** For a program, whose output is its own: nothing is logged any more. */
export function silenceLogs(): void {
  Logger.overrideLogger(false);
}

function guarded(write: () => void): void {
  try {
    write();
  } catch {
    // The logger is what would tell it.
  }
}

/** Texts are cut until the line is short enough as it is written. */
function lineOf(line: LogLine): LogLine {
  let limit = typeof line === 'string' ? MAX_LENGTH : MAX_FIELD_LENGTH;
  let shown = cut(line, limit);
  while (writtenLength(shown) > MAX_LENGTH && limit > 0) {
    limit = Math.floor(limit * CUT_SHARE);
    shown = cut(line, limit);
  }
  return shown;
}

function cut(line: LogLine, limit: number): LogLine {
  if (typeof line === 'string') return printable(line, limit);
  const fields = Object.entries(line).map(([name, value]) => [
    name,
    typeof value === 'string' ? printable(value, limit) : value,
  ]);
  return Object.fromEntries(fields) as LogLine;
}

/** Without the braces or quotes around it. JSON escapes double quotes and backslashes, `inspect()` also single quotes. */
function writtenLength(line: LogLine): number {
  return JSON.stringify(line).slice(1, -1).replaceAll("'", "\\'").length;
}
