import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface CommandOptions {
  readonly cwd: string;
  /** Laid over this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until it is killed, and all that it started with it. */
  readonly timeout?: number;
}

const running = new Set<Command>();

/** SIGKILL for all that runs at this moment. */
export function killAll(): void {
  for (const command of running) command.kill();
}

// Whatever ends this process, nothing that it started outlives it.
process.once('exit', killAll);

/** A program in a process group of its own. Lines of its output that are JSON objects are messages. */
export class Command {
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private readonly messages: Record<string, unknown>[] = [];
  private readonly listeners = new Set<() => void>();
  private over = false;

  constructor(
    private readonly program: string,
    private readonly args: readonly string[],
    { cwd, env = {} }: CommandOptions,
  ) {
    this.child = spawn(program, args, {
      cwd,
      env: { ...environment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(this);
    // Writing to a process that has just ended is not what its caller waits for.
    this.child.stdin!.on('error', () => undefined);
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.read(line));
    }
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        running.delete(this);
        this.over = true;
        resolve(code);
        this.notify();
      };
      this.child.once('close', end);
      this.child.once('error', (error) => {
        this.lines.push(String(error));
        end(null);
      });
    });
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** The first message that has the key. */
  async message(key: string, timeout = 90_000): Promise<Record<string, unknown>> {
    const found = (): Record<string, unknown> | undefined => this.messages.find((each) => key in each);
    await this.until(() => found() !== undefined, `its message "${key}"`, timeout);
    return found()!;
  }

  /** Waits for a line that matches. */
  async line(pattern: RegExp, timeout = 90_000): Promise<string> {
    const found = (): string | undefined => this.lines.find((line) => pattern.test(line));
    await this.until(() => found() !== undefined, `a line like ${String(pattern)}`, timeout);
    return found()!;
  }

  /** To its standard input. */
  write(text: string): void {
    this.child.stdin!.write(text);
  }

  /** SIGKILL for the whole group. */
  kill(): void {
    this.signal('SIGKILL');
  }

  /** Asks it to stop, as a terminal does. */
  interrupt(): void {
    this.signal('SIGINT');
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.over || this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }

  /** Waits for the end; anything but the exit code 0 is an error with the output. */
  async success(timeout = 180_000): Promise<string> {
    const timer = setTimeout(() => this.kill(), timeout);
    const code = await this.ended.finally(() => clearTimeout(timer));
    if (code !== 0) throw this.failure(`ended with ${code ?? 'a signal or time-out'}`);
    return this.output;
  }

  private async until(condition: () => boolean, what: string, timeout: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (condition()) finish(resolve);
        else if (this.over) finish(() => reject(this.failure(`ended before ${what}`)));
      };
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.listeners.delete(look);
        settle();
      };
      const timer = setTimeout(() => {
        this.kill();
        finish(() => reject(this.failure(`did not give ${what} within ${timeout} ms`)));
      }, timeout);
      this.listeners.add(look);
      look();
    });
  }

  private failure(reason: string): Error {
    const last = this.lines.slice(-60).join('\n');
    return new Error(`${[this.program, ...this.args].join(' ')} ${reason}\n${last}`);
  }

  private read(line: string): void {
    this.lines.push(line);
    if (line.startsWith('{')) {
      try {
        this.messages.push(JSON.parse(line) as Record<string, unknown>);
      } catch {
        // Some other line with a brace.
      }
    }
    this.notify();
  }

  private notify(): void {
    for (const listener of this.listeners) listener();
  }
}

/** Runs a program to its end; returns its output. */
export function run(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  return new Command(program, args, options).success(options.timeout);
}

/** npm in a folder, from its cache where it can. */
export function npm(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return run('npm', [...args, '--prefer-offline', '--no-audit', '--no-fund'], { cwd, env, timeout: 420_000 });
}

/** Without what npm adds for its scripts, which would tell another npm that it works for this package. */
function environment(): NodeJS.ProcessEnv {
  const added =
    /^(npm_(lifecycle|package|command|execpath|node_execpath)|npm_config_local_prefix$|INIT_CWD$)/;
  const modes = /^(NODE_ENV|NODE_OPTIONS|NO_COLOR|FORCE_COLOR)$/;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !added.test(name) && !modes.test(name)),
  );
}
