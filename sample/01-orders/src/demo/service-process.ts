import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** The service in a separate process, as `npm run start:service` runs it. */
export class ServiceProcess {
  private ended = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    private readonly log: string,
  ) {
    const end = (): void => {
      this.ended = true;
    };
    child.once('exit', end);
    child.once('error', end);
  }

  /** Starts it and waits until it answers. Its log goes to `service.log` in the folder. */
  static async start(folder: string, port: number, smtpUrl?: string): Promise<ServiceProcess> {
    const log = join(folder, 'service.log');
    const output = openSync(log, 'a');
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        PORT: String(port),
        DATA_FOLDER: folder,
        SMTP_URL: smtpUrl,
        NO_COLOR: '1',
      },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    // However the demonstration ends, it neither waits for the service nor leaves it running.
    child.unref();
    process.once('exit', () => child.kill('SIGKILL'));
    const service = new ServiceProcess(child, `http://127.0.0.1:${port}`, log);
    await until('the service answers', 60, async () => {
      if (service.ended) throw new Error(`the service ended while it was starting:\n${service.lastWords}`);
      const response = await fetch(`${service.url}/health`).catch(() => undefined);
      return response?.ok ? true : undefined;
    });
    return service;
  }

  /** Where a browser on this machine finds the dashboard. */
  get dashboard(): string {
    return `${this.url.replace('127.0.0.1', 'localhost')}/stepping`;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The last lines of its log. */
  get lastWords(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}`);
    return (await response.json()) as T;
  }

  async send<T>(
    method: 'POST' | 'PATCH',
    path: string,
    body: object = {},
  ): Promise<{ status: number; body: T }> {
    const response = await fetch(this.url + path, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : undefined) as T };
  }

  /** SIGKILL: the process cannot react. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await until(`process ${this.pid} is gone`, 10, () => this.ended || undefined, 1);
  }

  /** SIGTERM, as a deployment stops a service. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await until(`process ${this.pid} has shut down`, 20, () => this.ended || undefined);
  }
}

/**
 * An unused port below the ephemeral range, so that no client connection takes it before the
 * service does.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
