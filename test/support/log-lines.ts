import type { LoggerService } from '@nestjs/common';

export interface LogLine {
  readonly level: 'error' | 'warn';
  /** As text; of a structured line its JSON. */
  readonly text: string;
}

const lines: LogLine[] = [];

function keep(level: LogLine['level'], message: unknown): void {
  lines.push({ level, text: typeof message === 'string' ? message : JSON.stringify(message) });
}

/** The logger of all applications of a test file: Nest has one for the whole process. */
export const logger: LoggerService = {
  log: () => undefined,
  warn: (message: unknown) => keep('warn', message),
  error: (message: unknown) => keep('error', message),
};

/** What was logged about a job. */
export function logOf(gid: string): LogLine[] {
  return lines.filter(({ text }) => text.includes(gid));
}
