import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const MAX_LOG_LINES = 20;

export type Role = 'api' | 'worker';

/** A process of the depot, started by the demonstration. */
export class DepotProcess {
  private readonly ended: Promise<unknown>;
  private log: string[] = [];
  /** Of the API process. */
  url = '';

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
    const ready = await Promise.race([once(child, 'message'), depot.ended.then(() => null)]);
    if (!ready) throw new Error(`The ${role} ended while it was starting:\n${depot.log.join('\n')}`);
    depot.url = (ready[0] as { url?: string }).url ?? '';
    return depot;
  }

  get pid(): number {
    return this.child.pid!;
  }

  async post(path: string, body: object): Promise<number> {
    const { status } = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    return status;
  }

  /** A process cannot react to SIGKILL. A deployment stops it with SIGTERM. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}
