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
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server of the proof, which can be stopped and started again on the same port. */
export class ServerProcess {
  private child: ChildProcess | undefined;
  private ended: Promise<unknown> = Promise.resolve();
  private readonly output: string[] = [];

  constructor(private readonly command: ServerCommand) {}

  async start(): Promise<void> {
    const { program, args, env, cwd, uid, gid, port } = this.command;
    const child = spawn(program, [...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(env && { env }),
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    });
    running.add(child);
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => this.keep(String(data)));
    this.ended = new Promise((resolve) => {
      child.once('error', resolve);
      child.once('close', resolve);
    }).then(() => {
      running.delete(child);
      if (this.child === child) this.child = undefined;
    });
    const up = await until(() => !this.child || answers(port), 60_000);
    if (!up || !this.child) throw new Error(`${program} did not start: ${this.output.join('').slice(-2000)}`);
  }

  /** Sends a signal and waits until the server has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.child?.kill(signal);
    await this.ended;
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
