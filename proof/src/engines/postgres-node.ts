import { execFile } from 'node:child_process';
import { readdirSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Client } from 'pg';
import { accountOf, ownedFolder, type Account } from '../accounts.js';
import { freePort } from '../ports.js';
import { ServerProcess } from '../server-process.js';
import { removeFolder } from '../temporary-folder.js';
import { until } from '../wait.js';

const BASE = '/usr/lib/postgresql';
const RUN_MS = 120_000;
const READY_MS = 60_000;
const IN_SYNC_MS = 60_000;
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'max_connections=200',
  'wal_keep_size=256MB',
  'hot_standby=on',
];
/** Of a node alone, and not of the one that it was copied from. */
const OWN_SETTINGS = /^\s*(?:synchronous_standby_names|default_transaction_read_only|primary_conninfo)\b/;

/** Why there is no PostgreSQL to start; undefined if there is. */
export function lacksPostgres(): string | undefined {
  if (binaries() === undefined)
    return `there is no PostgreSQL in ${BASE}; on Debian: apt-get install postgresql`;
  return accountOf('postgres') ? undefined : 'there is no user postgres for its servers';
}

function binaries(): string | undefined {
  const versions = existsSync(BASE) ? readdirSync(BASE).sort((a, b) => Number(b) - Number(a)) : [];
  return versions[0] === undefined ? undefined : join(BASE, versions[0], 'bin');
}

/** A PostgreSQL server with data of its own: a primary, or a standby that follows one. */
export class PostgresNode {
  readonly url: string;
  private readonly bin = binaries()!;
  private readonly data: string;
  private readonly server: ServerProcess;

  private constructor(
    private readonly folder: string,
    private readonly account: Account,
    private readonly port: number,
  ) {
    this.data = join(folder, 'data');
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
    this.server = new ServerProcess({
      program: join(this.bin, 'postgres'),
      args: ['-D', this.data, '-p', String(port), '-k', folder, ...settings],
      ...account,
      port,
    });
  }

  /** One without data. */
  static async create(): Promise<PostgresNode> {
    const account = accountOf('postgres')!;
    return new PostgresNode(ownedFolder('postgres', account), account, await freePort());
  }

  /** Starts it as a primary with no data. */
  async begin(): Promise<void> {
    const settings = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await this.run('initdb', ['-D', this.data, ...settings]);
    await this.start();
  }

  /** Starts it as a standby with a copy of `primary`, whatever it was before. */
  async follow(primary: PostgresNode): Promise<void> {
    rmSync(this.data, { recursive: true, force: true });
    const settings = ['-X', 'stream', '-c', 'fast', '-R', '--no-sync'];
    await this.run('pg_basebackup', ['-D', this.data, '-d', primary.url, ...settings]);
    const file = join(this.data, 'postgresql.auto.conf');
    const kept = readFileSync(file, 'utf8').split('\n');
    const conninfo = kept.filter((line) => line.startsWith('primary_conninfo')).at(-1)!;
    writeFileSync(file, [...kept.filter((line) => !OWN_SETTINGS.test(line)), conninfo, ''].join('\n'));
    await this.start();
  }

  /** Commits wait for a standby from now on. Resolves when there is one that has everything. */
  async waitsForStandby(): Promise<void> {
    await this.set('synchronous_standby_names', '*');
    await this.isFollowed('sync');
  }

  /** Commits wait for no standby any more. */
  async waitsForNobody(): Promise<void> {
    await this.set('synchronous_standby_names', '');
    await this.isFollowed('async');
  }

  /** Resolves when a standby has everything. Commits may wait for it (`sync`) or not (`async`). */
  async isFollowed(how: 'sync' | 'async'): Promise<void> {
    const followed = await until(async () => {
      const rows = await this.query(
        `SELECT 1 FROM pg_stat_replication WHERE sync_state = '${how}' AND state = 'streaming'`,
      );
      return rows.length > 0;
    }, IN_SYNC_MS);
    if (!followed) throw new Error(`No standby follows: ${this.server.tail}`);
  }

  /** Follows its primary no longer. Stays a standby. */
  cutOff(): Promise<void> {
    return this.set('primary_conninfo', '');
  }

  /** Refuses writes in all transactions that begin from now on, on connections that are open as well. */
  becomeReadOnly(): Promise<void> {
    return this.set('default_transaction_read_only', 'on');
  }

  /** Makes a standby a primary. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 60)');
  }

  /** Ends it as a crash does. What is committed is on its disk. */
  kill(): Promise<void> {
    return this.server.end('SIGQUIT');
  }

  async version(): Promise<string> {
    const [row] = await this.query<{ version: string }>('SELECT version()');
    return row!.version.split(' on ')[0]!;
  }

  async remove(): Promise<void> {
    await this.kill();
    removeFolder(this.folder);
  }

  private async set(name: string, value: string): Promise<void> {
    await this.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await this.query('SELECT pg_reload_conf()');
  }

  private async start(): Promise<void> {
    await this.server.start();
    const ready = await until(() => this.query('SELECT 1').catch(() => undefined), READY_MS, 50);
    if (!ready) throw new Error(`PostgreSQL does not answer: ${this.server.tail}`);
  }

  private async query<Row>(sql: string): Promise<Row[]> {
    const { default: pg } = await import('pg');
    const client: Client = new pg.Client({ connectionString: this.url, application_name: 'proof-node' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  /** The proxy in front of the servers goes on meanwhile. */
  private async run(program: string, args: readonly string[]): Promise<void> {
    await promisify(execFile)(join(this.bin, program), args, { timeout: RUN_MS, ...this.account });
  }
}
