import { Logger } from '@nestjs/common';
import { printable } from '../errors/printable.js';

/** Long enough for a sentence of ours with the text of an error in it. */
const MAX_TEXT_LENGTH = 2000;
const MAX_FIELD_LENGTH = 1000;

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

function lineOf(line: LogLine): LogLine {
  if (typeof line === 'string') return printable(line, MAX_TEXT_LENGTH);
  const fields = Object.entries(line).map(([name, value]) => [
    name,
    typeof value === 'string' ? printable(value, MAX_FIELD_LENGTH) : value,
  ]);
  return Object.fromEntries(fields) as LogLine;
}
