import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { waitFor } from './wait-for.js';

export interface StartOptions {
  readonly args?: readonly string[];
  /** Laid over this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ExitState {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const buildFolder = new URL('../../build/test/apps/', import.meta.url);
const running = new Set<AppProcess>();

afterAll(async () => {
  await Promise.all([...running].map((app) => app.kill('SIGKILL')));
});
// A worker that is stopped early runs no hooks.
process.once('exit', () => {
  for (const app of running) app.signal('SIGKILL');
});

/**
 * Starts `build/test/apps/<name>.js`, compiled from `test/apps` by `npm run build:test-apps`.
 *
 * Every line of its standard output that is a JSON object is a message; all children of a test file
 * are killed after its last test.
 */
export function startApp(name: string, options: StartOptions = {}): AppProcess {
  const file = fileURLToPath(new URL(`${name}.js`, buildFolder));
  if (!existsSync(file)) {
    throw new Error(
      `build/test/apps/${name}.js is missing: run "npm run build && npm run build:test-apps" first`,
    );
  }
  return new AppProcess(name, file, options);
}

/** An application in a process of its own. */
export class AppProcess {
  /** Everything it reported so far, in order. */
  readonly messages: Record<string, any>[] = [];
  readonly exited: Promise<ExitState>;
  private readonly child: ChildProcess;
  private readonly output: string[] = [];
  private exitState: ExitState | undefined;

  constructor(
    private readonly name: string,
    file: string,
    { args = [], env = {} }: StartOptions,
  ) {
    this.child = spawn(process.execPath, ['--enable-source-maps', file, ...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this);
    // Writing to a process that was just killed is no failure of the test.
    this.child.stdin!.on('error', () => undefined);
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.read(line));
    createInterface({ input: this.child.stderr! }).on('line', (line) => this.keep(line));
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.exitState ??= { code, signal };
        running.delete(this);
        resolve(this.exitState);
      };
      this.child.once('close', end);
      this.child.once('error', (error) => {
        this.keep(String(error));
        end(null, null);
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Undefined while it runs. */
  get exit(): ExitState | undefined {
    return this.exitState;
  }

  /** The last lines that were no messages, standard error included. */
  get log(): string {
    return this.output.join('\n');
  }

  /** Writes a JSON line to its standard input. */
  send(message: unknown): void {
    this.child.stdin!.write(`${JSON.stringify(message)}\n`);
  }

  /** The first message, also of the past, that `predicate` accepts; fails at once when the process has ended. */
  async waitForMessage(
    predicate: (message: Record<string, any>) => boolean,
    { timeout = 60_000 }: { timeout?: number } = {},
  ): Promise<Record<string, any>> {
    const outcome = await waitFor(() => this.messages.find(predicate) ?? this.exitState, {
      timeout,
      message: () => `a message of ${this.name}; it said ${JSON.stringify(this.messages)}\n${this.log}`,
    });
    const found = this.messages.find(predicate);
    if (found) return found;
    throw new Error(`${this.name} ended (${JSON.stringify(outcome)}) before the message\n${this.log}`);
  }

  /** Sends a signal and waits for the end of the process. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ExitState> {
    this.signal(signal);
    return this.exited;
  }

  /** Sends a signal and returns; does nothing once the process has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.exitState) this.child.kill(signal);
  }

  private read(line: string): void {
    if (line.startsWith('{')) {
      try {
        this.messages.push(JSON.parse(line) as Record<string, any>);
        return;
      } catch {
        // Not a message after all: kept as output.
      }
    }
    this.keep(line);
  }

  private keep(line: string): void {
    this.output.push(line);
    if (this.output.length > 200) this.output.shift();
  }
}
