import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ToldSpan } from '../telemetry/tracing.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const MAX_LOG_LINES = 20;

export type Role = 'api' | 'worker';

/** What a process of the depot tells: that it is ready, and spans that have ended. */
interface Message {
  readonly ready?: { readonly url?: string };
  readonly spans?: readonly ToldSpan[];
}

/** A process of the depot, started by the demonstration. */
export class DepotProcess {
  /** In the order of their ends. */
  readonly spans: ToldSpan[] = [];
  private readonly ended: Promise<unknown>;
  private log: string[] = [];
  /** Of the API process. */
  private url = '';

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'exit');
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log = [...this.log, ...text.trimEnd().split('\n')].slice(-MAX_LOG_LINES);
      });
    }
  }

  /** Resolves when it is ready. */
  static async start(role: Role, env: Readonly<Record<string, string>>): Promise<DepotProcess> {
    const child = spawn(process.execPath, [MAIN, role], {
      env: { ...process.env, ...env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    // However the demonstration ends, it leaves no process running.
    process.once('exit', () => child.kill('SIGKILL'));
    const depot = new DepotProcess(child);
    const ready = await Promise.race([depot.ready(), depot.ended.then(() => false)]);
    if (!ready) throw new Error(`The ${role} ended while it was starting:\n${depot.log.join('\n')}`);
    return depot;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Of the API process: where a browser on this machine finds the dashboard. */
  get dashboard(): string {
    return `${this.url}/stepping`;
  }

  /** The answer, parsed where there is one. */
  async get<T>(path: string): Promise<T> {
    return answerOf<T>(path, await fetch(this.url + path));
  }

  /** The answer, parsed where there is one. */
  async post<T = void>(path: string, body: object): Promise<T> {
    const headers = { 'Content-Type': 'application/json' };
    return answerOf<T>(
      path,
      await fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body) }),
    );
  }

  /** It stands still until `goOn()`, or `end('SIGKILL')`. */
  halt(): void {
    this.child.kill('SIGSTOP');
  }

  goOn(): void {
    this.child.kill('SIGCONT');
  }

  /** A process cannot react to SIGKILL. A deployment stops it with SIGTERM. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }

  private ready(): Promise<boolean> {
    return new Promise((resolve) => {
      this.child.on('message', ({ ready, spans = [] }: Message) => {
        this.spans.push(...spans);
        if (!ready) return;
        this.url = ready.url ?? '';
        resolve(true);
      });
    });
  }
}

async function answerOf<T>(path: string, response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
