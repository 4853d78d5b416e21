import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runProgram as program } from '../../lib/cli/program.js';
import type { Terminal } from '../../lib/cli/terminal.js';
import type { TestDatabase } from './database.js';

const file = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** What one call of the program left behind. */
export interface ProgramOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output, as JSON. */
  readonly json: any;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs `nestjs-stepping` as it is built, without a terminal. */
export async function runProgram(
  args: readonly string[],
  { cwd, env = {} }: ProgramOptions = {},
): Promise<ProgramOutcome> {
  if (!existsSync(file)) throw new Error('dist/cli/main.js is missing: run "npm run build" first');
  const environment = { ...process.env, COLUMNS: undefined, STEPPING_URL: undefined, ...env };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [file, ...args],
      { cwd, env: environment, timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : null) : 0;
        resolve({
          code,
          stdout,
          stderr,
          get json() {
            return JSON.parse(stdout) as unknown;
          },
        });
      },
    );
    child.stdin?.end();
  });
}

/** The same in this process, which is sooner. */
export async function runProgramHere(
  args: readonly string[],
  terminal: Partial<Terminal> = {},
): Promise<ProgramOutcome> {
  const out: string[] = [];
  const notes: string[] = [];
  const code = await program(args, {
    out: (line) => void out.push(`${line}\n`),
    note: (line) => void notes.push(`${line}\n`),
    width: undefined,
    interactive: false,
    confirm: () => Promise.resolve(false),
    env: {},
    user: 'tester',
    ...terminal,
  });
  const stdout = out.join('');
  return {
    code,
    stdout,
    stderr: notes.join(''),
    get json() {
      return JSON.parse(stdout) as unknown;
    },
  };
}

/** The options that lead to a database. */
export function connectionOf({ url, schema }: TestDatabase): string[] {
  return ['--url', url, ...(schema === undefined ? [] : ['--schema', schema])];
}
