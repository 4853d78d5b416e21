import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

/** A MariaDB server of the benchmark's own, in a temporary folder: it counts what is read of each table. */
export class OwnMariadb {
  private readonly folder = mkdtempSync(join(tmpdir(), 'stepping-bench-'));
  private server: ChildProcess | undefined;
  private port = 0;

  private constructor() {}

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<OwnMariadb> {
    const mariadb = new OwnMariadb();
    try {
      await mariadb.launch(settings);
    } catch (error) {
      await mariadb.stop();
      throw error;
    }
    return mariadb;
  }

  get pid(): number {
    return this.server!.pid!;
  }

  url(database = ''): string {
    return `mysql://root@127.0.0.1:${this.port}/${database}`;
  }

  async query(sql: string): Promise<RowDataPacket[]> {
    const connection = await createConnection(this.url());
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql);
      return rows;
    } finally {
      await connection.end();
    }
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      const late = setTimeout(() => server.kill('SIGKILL'), 20_000);
      server.kill('SIGTERM');
      await ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async launch(settings: Readonly<Record<string, string>>): Promise<void> {
    const data = join(this.folder, 'data');
    // The server refuses to run as root unless it is told to.
    const user = process.getuid!() === 0 ? ['--user=root'] : [];
    await run('mariadb-install-db', [
      '--no-defaults',
      ...user,
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ]);
    this.port = await freePort();
    this.server = spawn(
      'mariadbd',
      [
        '--no-defaults',
        ...user,
        `--datadir=${data}`,
        `--port=${this.port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(this.folder, 'socket')}`,
        '--userstat=1',
        ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
      ],
      { stdio: ['ignore', 'ignore', process.env.BENCH_SERVER_LOG ? 'inherit' : 'ignore'] },
    );
    const { server } = this;
    for (let tries = 0; ; tries += 1) {
      try {
        await this.query('SELECT 1');
        return;
      } catch (error) {
        if (server.exitCode !== null || tries === 100) throw error;
        await sleep(100);
      }
    }
  }
}
