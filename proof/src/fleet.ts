import type { Random } from './random.js';
import { WorkerProcess, type WorkerEnvironment, type WorkerMessage } from './process.js';

const RESTART_PAUSE_MS = 500;

/** How to start the next process in a position. */
export interface Incarnation {
  /** Without the name. */
  readonly settings: object;
  readonly environment: WorkerEnvironment;
}

/** The application's processes. A process that ends is replaced at once. */
export class Fleet {
  /** All processes that were ever started. */
  readonly lives: WorkerProcess[] = [];
  private readonly places: WorkerProcess[] = [];
  private readonly messageListeners: ((worker: WorkerProcess, message: WorkerMessage) => void)[] = [];
  private readonly endListeners: ((worker: WorkerProcess) => void)[] = [];
  private count = 0;
  private restarting = true;

  constructor(
    private readonly size: number,
    private readonly random: Random,
    private readonly incarnate: (place: number, count: number) => Incarnation,
    private readonly prefix = 'w',
  ) {}

  async start(): Promise<void> {
    for (let place = 0; place < this.size; place += 1) this.launch(place);
    await Promise.all(this.places.map((worker) => worker.started()));
    const silent = this.places.find((worker) => !worker.ready && !worker.killed);
    if (silent) throw new Error(`${silent.name} did not start: ${silent.tail}`);
  }

  onMessage(listener: (worker: WorkerProcess, message: WorkerMessage) => void): void {
    this.messageListeners.push(listener);
  }

  onEnd(listener: (worker: WorkerProcess) => void): void {
    this.endListeners.push(listener);
  }

  get current(): readonly WorkerProcess[] {
    return this.places;
  }

  /** A random process that serves. */
  any(): WorkerProcess | undefined {
    const usable = this.places.filter((worker) => worker.usable);
    return usable.length > 0 ? this.random.pick(usable) : undefined;
  }

  get kills(): number {
    return this.lives.filter((worker) => worker.killed).length;
  }

  /** Shuts all processes down in order, and starts no new ones. */
  async shutDown(timeout = 30_000): Promise<void> {
    this.restarting = false;
    for (const worker of this.places) {
      worker.continue();
      worker.terminate();
    }
    const timer = setTimeout(() => this.places.forEach((worker) => worker.kill()), timeout);
    await Promise.all(this.places.map((worker) => worker.exited));
    clearTimeout(timer);
  }

  /** Kills all processes with SIGKILL. */
  async abandon(): Promise<void> {
    this.restarting = false;
    for (const worker of this.places) worker.kill();
    await Promise.all(this.places.map((worker) => worker.exited));
  }

  private launch(place: number): void {
    this.count += 1;
    const { settings, environment } = this.incarnate(place, this.count);
    const worker = new WorkerProcess(
      { ...settings, name: `${this.prefix}${place}.${this.count}` },
      environment,
    );
    this.lives.push(worker);
    this.places[place] = worker;
    worker.listen((message) => this.messageListeners.forEach((listener) => listener(worker, message)));
    void worker.exited.then(() => {
      this.endListeners.forEach((listener) => listener(worker));
      if (!this.restarting) return;
      // A process that cannot start is not restarted in a tight loop.
      const expected = worker.ready || worker.killed;
      setTimeout(() => this.restarting && this.launch(place), expected ? 0 : RESTART_PAUSE_MS);
    });
  }
}
