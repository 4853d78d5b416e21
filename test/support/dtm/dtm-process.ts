import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { waitFor } from '../wait-for.js';

/** With it Linux ends the server together with the test process, even if that is killed and runs no handler. */
const leash = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'];

/** The program of a DTM server, which can be killed and started again on the same ports. */
export class DtmProcess {
  private readonly output: string[] = [];
  private ports = { http: 0, grpc: 0 };
  private child: ChildProcess | undefined;
  private ended: Promise<void> = Promise.resolve();

  constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  get httpUrl(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${this.ports.grpc}`;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** The last lines since it was started. */
  get log(): string {
    return this.output.join('\n');
  }

  /** Starts it on free ports, on others when somebody else was faster, and waits until it answers. */
  async start(attempts = 5): Promise<void> {
    const http = await freePort();
    this.ports = { http, grpc: await freePort(http) };
    try {
      await this.launch();
    } catch (error) {
      if (!this.portWasTaken || attempts <= 1) throw error;
      await this.start(attempts - 1);
    }
  }

  /** Starts it on its ports and waits until it answers; kills it first when it still runs. */
  async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    this.signal();
    await this.ended;
  }

  /** SIGKILL without waiting. */
  signal(): void {
    this.child?.kill('SIGKILL');
  }

  private async launch(): Promise<void> {
    this.output.length = 0;
    // Nothing of this process's environment: DTM reads general names such as LOG_LEVEL.
    const [command, ...parameters] = existsSync(leash[0]!) ? [...leash, this.program] : [this.program];
    const child = spawn(command!, parameters, {
      cwd: this.folder,
      env: { ...this.env, HTTP_PORT: String(this.ports.http), GRPC_PORT: String(this.ports.grpc) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.keep(line));
    }
    this.ended = new Promise((resolve) => {
      const end = (cause: unknown): void => {
        if (cause instanceof Error) this.keep(String(cause));
        this.child = undefined;
        resolve();
      };
      child.once('close', end).once('error', end);
    });
    try {
      // DTM goes on without its HTTP port when that is taken; another server may answer there.
      const failed = (): boolean => !this.child || this.portWasTaken;
      await waitFor(async () => failed() || (await this.answers()), {
        message: 'its answer',
      });
      if (failed()) throw new Error(this.child ? 'a port is taken' : 'the process ended');
    } catch (error) {
      await this.kill();
      throw new Error(`DTM did not start: ${String(error)}\n${this.log}`, { cause: error });
    }
  }

  private async answers(): Promise<boolean> {
    const response = await fetch(`${this.httpUrl}/api/ping`, { headers: { connection: 'close' } });
    const socket = connect(this.ports.grpc, '127.0.0.1');
    await once(socket, 'connect').finally(() => socket.destroy());
    return response.ok;
  }

  private get portWasTaken(): boolean {
    return this.output.some((line) => line.includes('address already in use'));
  }

  private keep(line: string): void {
    this.output.push(line);
    if (this.output.length > 500) this.output.shift();
  }
}

/** Test files that run at the same time look in ranges of their own: between the look and the use of a port another one could take it. */
const PORTS = 1000;
const FIRST_PORT = 20_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 10) * PORTS;

/**
 * A port that nobody listens on. Below those that systems give to clients: a client that looks for a killed
 * server must not get its port, which it would then keep from the restarted one.
 */
export async function freePort(except?: number): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, FIRST_PORT + PORTS);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, () => probe.close(() => resolve(true)));
    });
    if (free && port !== except) return port;
  }
}
