import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { until } from './until.js';

export interface ChildCommand {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  /** The file to append its output to. */
  readonly log: string;
}

/** A process that ends with this one, at the latest. */
export class Child {
  private ended = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly log: string,
  ) {
    const end = (): void => {
      this.ended = true;
    };
    child.once('exit', end);
    child.once('error', end);
  }

  /** Starts it and waits until it answers at `url`. */
  static async start(command: ChildCommand, url: string): Promise<Child> {
    const { program, parameters, env, folder, log } = command;
    const output = openSync(log, 'a');
    const spawned = spawn(program, parameters, { cwd: folder, env, stdio: ['ignore', output, output] });
    closeSync(output);
    // However the demonstration ends, it neither waits for its processes nor leaves them running.
    spawned.unref();
    process.once('exit', () => spawned.kill('SIGKILL'));
    const child = new Child(spawned, log);
    await until(`${url} answers`, 60, async () => {
      if (child.ended) throw new Error(`a process ended while it was starting:\n${child.lastWords}`);
      const response = await fetch(url).catch(() => undefined);
      return response?.ok || undefined;
    });
    return child;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** SIGKILL: the process cannot react. Nothing happens to one that has ended. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await until(`process ${this.pid} is gone`, 10, () => this.ended || undefined, 1);
  }

  /** SIGTERM, as a deployment stops a service. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await until(`process ${this.pid} has shut down`, 20, () => this.ended || undefined);
  }

  /** The last lines of its log. */
  private get lastWords(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
  }
}
