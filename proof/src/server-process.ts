import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { until } from './wait.js';

export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The account to run as; only root can choose. */
  readonly uid?: number;
  readonly gid?: number;
  readonly port: number;
  /** Whether what it has started gets its signals, too. */
  readonly group?: boolean;
}

/** On a busy machine, a RabbitMQ node takes more than a minute. */
const START_MS = 180_000;

const running = new Map<ChildProcess, boolean>();
process.once('exit', () => {
  for (const [child, group] of running) send(child, 'SIGKILL', group);
});

function send(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  if (!group || child.pid === undefined) child.kill(signal);
  else {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended in the meantime.
    }
  }
}

/** A server of the proof, which can be stopped and started again on the same port. */
export class ServerProcess {
  private child: ChildProcess | undefined;
  private ended: Promise<unknown> = Promise.resolve();
  private readonly output: string[] = [];

  constructor(private readonly command: ServerCommand) {}

  async start(): Promise<void> {
    const { program, args, env, cwd, uid, gid, port, group = false } = this.command;
    const child = spawn(program, [...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(env && { env }),
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      detached: group,
    });
    running.set(child, group);
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => this.keep(String(data)));
    this.ended = new Promise((resolve) => {
      child.once('error', resolve);
      child.once('close', resolve);
    }).then(() => {
      running.delete(child);
      if (this.child === child) this.child = undefined;
    });
    const up = await until(() => !this.child || answers(port), START_MS);
    if (!up || !this.child) throw new Error(`${program} did not start: ${this.tail}`);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.child) send(this.child, signal, this.command.group ?? false);
  }

  /** Sends a signal and waits until the server has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal);
    await this.ended;
  }

  /** The end of its output. */
  get tail(): string {
    return this.output.join('').slice(-2000);
  }

  private keep(text: string): void {
    this.output.push(text);
    if (this.output.length > 50) this.output.shift();
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
