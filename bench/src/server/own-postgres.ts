import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

/**
 * As durable as a server is by default. Only these settings differ, and the report lists them. Otherwise a checkpoint in the
 * middle of one run, but not of another, would add page images to the log of that run only.
 */
const SETTINGS: Record<string, string> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  max_connections: '200',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'top',
};

const SHOWN = [
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_sync_method',
  'wal_level',
  'autovacuum',
];

/**
 * The benchmark's own PostgreSQL server, in a temporary folder. Its counters belong to the run alone, whatever else runs
 * on the machine, and its log can be read.
 */
export class OwnPostgres {
  readonly folder: string;
  private server: ChildProcess | undefined;
  private port = 0;

  private readonly binaries: string;
  private readonly settings: Readonly<Record<string, string>>;

  private constructor(binaries: string, settings: Readonly<Record<string, string>>) {
    this.binaries = binaries;
    this.settings = settings;
    this.folder = mkdtempSync(join(tmpdir(), 'stepping-bench-'));
  }

  /** @param settings in addition to those of all runs, or instead of them. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<OwnPostgres> {
    const postgres = new OwnPostgres(findBinaries(), { ...SETTINGS, ...settings });
    try {
      await postgres.launch();
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return postgres;
  }

  get pid(): number {
    return this.server!.pid!;
  }

  get walFolder(): string {
    return join(this.folder, 'data', 'pg_wal');
  }

  binary(name: string): string {
    return join(this.binaries, name);
  }

  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Name, version and settings, for the report. */
  async describe(): Promise<string> {
    return this.withClient(async (client) => {
      const { rows } = await client.query<{ name: string; setting: string }>(
        `SELECT name, current_setting(name) AS setting FROM pg_settings WHERE name = ANY ($1)`,
        [[...Object.keys(this.settings), ...SHOWN, 'server_version']],
      );
      const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
      const version = settings.get('server_version');
      settings.delete('server_version');
      return `PostgreSQL ${version} (${[...settings].map(([name, value]) => `${name} = ${value}`).join(', ')})`;
    });
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async withClient<T>(work: (client: pg.Client) => Promise<T>, database = 'postgres'): Promise<T> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  private async launch(): Promise<void> {
    const data = join(this.folder, 'data');
    // PostgreSQL refuses to run as root.
    const owner = process.getuid!() === 0 ? ownerOf('postgres') : undefined;
    if (owner) execFileSync('chown', [`${owner.uid}:${owner.gid}`, this.folder]);
    await run(
      this.binary('initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
      {
        ...owner,
        cwd: this.folder,
      },
    );
    this.port = await freePort();
    const settings = Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.server = spawn(
      this.binary('postgres'),
      ['-D', data, '-p', String(this.port), '-h', '127.0.0.1', '-k', this.folder, ...settings],
      {
        ...owner,
        cwd: this.folder,
        stdio: ['ignore', 'ignore', process.env.BENCH_SERVER_LOG ? 'inherit' : 'ignore'],
      },
    );
    const { server } = this;
    for (let tries = 0; ; tries += 1) {
      try {
        await this.withClient((client) => client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements'));
        return;
      } catch (error) {
        if (server.exitCode !== null || tries === 100) throw error;
        await sleep(100);
      }
    }
  }
}

/** `PG_BIN`, otherwise the folder that `pg_config` names, otherwise Debian's newest version. */
function findBinaries(): string {
  if (process.env.PG_BIN) return process.env.PG_BIN;
  const debian = '/usr/lib/postgresql';
  if (existsSync(debian)) {
    const versions = readdirSync(debian).toSorted((left, right) => Number(right) - Number(left));
    if (versions[0]) return join(debian, versions[0], 'bin');
  }
  try {
    return execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
  } catch {
    throw new Error('No PostgreSQL was found: name the folder of its binaries (initdb, postgres) in PG_BIN.');
  }
}

function ownerOf(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
