import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM =
  process.env.DTM_BIN ?? fileURLToPath(new URL('../../../.cache/dtm/v1.19.0/dtm', import.meta.url));

/** A DTM server on boltdb, with its own folder and ports. */
export class DtmServer {
  readonly url: string;
  private readonly child: ChildProcess;
  private readonly folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.child = child;
    this.folder = folder;
  }

  static async start(): Promise<DtmServer> {
    if (!existsSync(PROGRAM))
      throw new Error("There is no DTM server: run 'npm run build:dtm' in the repository.");
    const folder = mkdtempSync(join(tmpdir(), 'stepping-bench-dtm-'));
    const [http, grpc] = [await freePort(), await freePort()];
    const env = {
      HTTP_PORT: String(http),
      GRPC_PORT: String(grpc),
      LOG_LEVEL: 'error',
      STORE_DRIVER: 'boltdb',
    };
    const child = spawn(PROGRAM, [], { cwd: folder, env, stdio: 'ignore' });
    const server = new DtmServer(`http://127.0.0.1:${http}`, child, folder);
    for (let attempt = 0; ; attempt += 1) {
      if ((await fetch(`${server.url}/api/ping`).catch(() => undefined))?.ok) return server;
      if (attempt === 100) {
        await server.stop();
        throw new Error('DTM did not start.');
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    if (this.child.exitCode === null && this.child.kill('SIGKILL')) await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
