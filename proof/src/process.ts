import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { until } from './wait.js';

/** A message of a worker; `at` is the host's time when it was written. */
export interface WorkerMessage {
  readonly type: string;
  readonly at: number;
  readonly [key: string]: unknown;
}

/** A span of time, in epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What the checker needs to know about a process. */
export interface WorkerLife {
  readonly name: string;
  /** When it was killed or ended; undefined while it runs. */
  readonly endedAt: number | undefined;
  /** Whether it was killed in the middle of its work. */
  readonly killed: boolean;
  /** When it was paused, or got no CPU time. */
  readonly pauses: readonly Span[];
  /** The gids whose lease it reported as lost, or whose step it could not stop. */
  readonly lostLeases: ReadonlySet<string>;
}

export interface WorkerEnvironment {
  /** Folder of the library and of the compiled proof; see `build-copy.ts`. */
  readonly root: string;
  /** The program below `worker`. Default: `app`. */
  readonly program?: 'app' | 'billing';
  readonly clockOffset?: number;
  readonly clockJump?: number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One process of the application, from its start to its end. */
export class WorkerProcess implements WorkerLife {
  readonly name: string;
  readonly exited: Promise<void>;
  readonly pauses: Span[] = [];
  readonly lostLeases = new Set<string>();
  /** Its last output lines that were not messages. */
  readonly log: string[] = [];
  readonly seen: Record<string, number> = {};
  ready = false;
  stopping = false;
  ended = false;
  killed = false;
  /** The fault point at which it killed itself. */
  fault: string | undefined;
  startedAt = Date.now();
  endedAt: number | undefined;
  private stoppedAt: number | undefined;
  private readonly child: ChildProcess;
  private readonly listeners = new Set<(message: WorkerMessage) => void>();

  /** The settings are what the program reads. */
  constructor(settings: { readonly name: string }, environment: WorkerEnvironment) {
    this.name = settings.name;
    const file = join(environment.root, 'build/proof/worker', `${environment.program ?? 'app'}.js`);
    this.child = spawn(process.execPath, [file], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_ENV: 'test',
        NODE_OPTIONS: '',
        PROOF_WORKER: JSON.stringify(settings),
        CLOCK_OFFSET_MS: String(environment.clockOffset ?? 0),
        CLOCK_JUMP_MS: String(environment.clockJump ?? 0),
      },
    });
    running.add(this.child);
    this.child.stdin!.on('error', () => undefined);
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.read(line));
    createInterface({ input: this.child.stderr! }).on('line', (line) => this.keep(line));
    this.exited = new Promise((resolve) => {
      const end = (): void => {
        if (this.ended) return;
        running.delete(this.child);
        this.ended = true;
        this.endedAt ??= Date.now();
        this.continued();
        resolve();
      };
      this.child.once('close', end).once('error', end);
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get usable(): boolean {
    return this.ready && !this.ended && !this.stopping && this.stoppedAt === undefined;
  }

  get stopped(): boolean {
    return this.stoppedAt !== undefined;
  }

  /** Calls back for each message until the returned function is called. */
  listen(listener: (message: WorkerMessage) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  send(command: object): void {
    if (!this.ended) this.child.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  /** The next message of this type. */
  next(type: string, timeout = 60_000): Promise<WorkerMessage> {
    return new Promise((resolve, reject) => {
      const stop = this.listen((message) => {
        if (message.type === type) done(() => resolve(message));
      });
      const fail = (why: string) => done(() => reject(new Error(`${this.name} ${why}: ${this.tail}`)));
      const timer = setTimeout(() => fail(`did not say ${type}`), timeout);
      const done = (then: () => void): void => {
        clearTimeout(timer);
        stop();
        then();
      };
      void this.exited.then(() => fail(`ended before it said ${type}`));
    });
  }

  /** Waits until it serves; false when it ended before that. */
  async started(timeout = 90_000): Promise<boolean> {
    await until(() => this.ready || this.ended, timeout, 5);
    return this.ready;
  }

  kill(): void {
    if (this.ended) return;
    // Recorded before the signal, so that nothing the process does is later than its recorded death.
    this.killed = true;
    this.child.kill('SIGKILL');
    this.endedAt ??= Date.now();
  }

  terminate(): void {
    this.stopping = true;
    this.child.kill('SIGTERM');
  }

  stop(): void {
    if (this.ended || this.stopped) return;
    this.stoppedAt = Date.now();
    this.child.kill('SIGSTOP');
  }

  continue(): void {
    if (this.ended) return;
    this.child.kill('SIGCONT');
    this.continued();
  }

  get tail(): string {
    return this.log.slice(-15).join('\n');
  }

  private continued(): void {
    // The process stays paused until it is scheduled again; this margin covers that.
    if (this.stoppedAt !== undefined) this.pauses.push({ from: this.stoppedAt, to: Date.now() + 50 });
    this.stoppedAt = undefined;
  }

  private read(line: string): void {
    if (!line.startsWith('{')) return this.keep(line);
    let message: WorkerMessage;
    try {
      message = JSON.parse(line) as WorkerMessage;
    } catch {
      return this.keep(line);
    }
    this.seen[message.type] = (this.seen[message.type] ?? 0) + 1;
    if (message.type === 'ready') this.ready = true;
    if (message.type === 'stall')
      this.pauses.push({ from: message.at - Number(message.gap), to: message.at });
    if (message.type === 'fault') this.meetFault(message);
    for (const listener of this.listeners) listener(message);
  }

  private meetFault(message: WorkerMessage): void {
    if (message.action === 'stop') {
      this.stoppedAt = message.at;
      return;
    }
    this.fault = String(message.point);
    this.killed = true;
    this.endedAt = message.at;
  }

  private keep(line: string): void {
    const lost = /(?:lease of job (\S+) is lost|of job (\S+) goes on)/.exec(line);
    if (lost) this.lostLeases.add((lost[1] ?? lost[2])!);
    this.log.push(line);
    if (this.log.length > 100) this.log.shift();
  }
}
