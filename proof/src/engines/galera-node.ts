import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { accountOf, ownedFolder, type Account } from '../accounts.js';
import { freePort } from '../ports.js';
import { ServerProcess } from '../server-process.js';
import { removeFolder } from '../temporary-folder.js';
import type { Random } from '../random.js';
import { sleep, until } from '../wait.js';

export const MARIADB = '/usr/sbin/mariadbd';
export const MARIADB_INSTALL = '/usr/bin/mariadb-install-db';
export const GALERA_LIBRARY = '/usr/lib/galera/libgalera_smm.so';

/** Getting everything from another node, on a busy machine. */
const JOIN_MS = 180_000;
const SYNCED = '4';
/** Takes a node about a third of a second. */
const LARGE = 20_000;

const isDone = (): boolean => true;
const isNot = (): boolean => false;

/** One node of a Galera cluster on this machine. */
export class GaleraNode {
  private server: ServerProcess | undefined;

  private constructor(
    private readonly place: number,
    private readonly account: Account,
    private readonly folder: string,
    private readonly port: number,
    /** Of the group communication, of incremental and of full transfers of state. */
    private readonly ports: { readonly group: number; readonly increments: number; readonly state: number },
  ) {}

  static async create(place: number): Promise<GaleraNode> {
    const account = accountOf('mysql')!;
    const folder = ownedFolder('galera', account);
    execFileSync(
      MARIADB_INSTALL,
      [
        '--no-defaults',
        `--datadir=${join(folder, 'data')}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ],
      { stdio: 'ignore', ...account },
    );
    const [port, group, increments, state] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    return new GaleraNode(place, account, folder, port, { group, increments, state });
  }

  get url(): string {
    return `mysql://root@127.0.0.1:${this.port}/mysql`;
  }

  /**
   * Starts it and waits until it is synced. With `recover`, it asks the others for what it has missed only; otherwise it gets
   * everything after a crash.
   */
  async join(
    nodes: readonly GaleraNode[],
    { bootstrap = false, recover = false }: { bootstrap?: boolean; recover?: boolean } = {},
  ): Promise<void> {
    const position = recover ? this.recoveredPosition() : undefined;
    const args = [
      ...this.args(nodes),
      ...(bootstrap ? ['--wsrep-new-cluster'] : []),
      ...(position === undefined ? [] : [`--wsrep-start-position=${position}`]),
    ];
    const server = new ServerProcess({
      program: MARIADB,
      args,
      ...this.account,
      port: this.port,
      group: true,
    });
    this.server = server;
    await server.start();
    const synced = await until(
      async () =>
        (await this.status('wsrep_local_state')) === SYNCED && (await this.status('wsrep_ready')) === 'ON',
      JOIN_MS,
      100,
    );
    if (!synced) throw new Error(`node ${this.place + 1} did not join: ${server.tail}`);
  }

  /** Without name resolution, the server recognizes the account of localhost only through its socket. */
  async allowRoot(): Promise<void> {
    const local = await this.connect();
    await local.query(`CREATE USER IF NOT EXISTS root@'127.0.0.1'`);
    await local.query(`GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION`);
    await local.end();
  }

  async version(): Promise<string> {
    const local = await this.connect();
    const [[row]] = await local.query<RowDataPacket[]>('SELECT VERSION() AS version');
    await local.end();
    return `MariaDB ${String(row!.version)}, Galera ${await this.status('wsrep_provider_version')}`;
  }

  /** Commits something large now and then, until `ended()`. The others fall behind for as long as they apply it. */
  async overload(random: Random, ended: () => boolean): Promise<void> {
    const local = await this.connect();
    await local.query('CREATE DATABASE stepping_proof_load');
    await local.query('USE stepping_proof_load');
    await local.query('CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(200))');
    while (!ended()) {
      try {
        await local.query('TRUNCATE large');
        await local.query(`INSERT INTO large SELECT seq, REPEAT('x', 100) FROM seq_1_to_${LARGE}`);
      } catch {
        // While too few nodes are there, nobody can commit.
      }
      await sleep(random.whole(2000, 8000));
    }
    await until(() => local.query('TRUNCATE large').then(isDone, isNot), JOIN_MS, 500);
    await local.query('DROP DATABASE stepping_proof_load');
    await local.end();
  }

  async kill(): Promise<void> {
    await this.server?.end('SIGKILL');
  }

  async remove(): Promise<void> {
    await this.kill();
    removeFolder(this.folder);
  }

  private connect(): Promise<Connection> {
    return createConnection({ socketPath: join(this.folder, 'socket'), user: 'root' });
  }

  private args(nodes: readonly GaleraNode[]): string[] {
    const { group, increments, state } = this.ports;
    const provider = [
      `gmcast.listen_addr=tcp://127.0.0.1:${group}`,
      `ist.recv_addr=127.0.0.1:${increments}`,
      'gcache.size=64M',
    ];
    return [
      '--no-defaults',
      `--datadir=${join(this.folder, 'data')}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(this.folder, 'socket')}`,
      `--pid-file=${join(this.folder, 'pid')}`,
      '--skip-name-resolve',
      '--max-connections=300',
      '--innodb-buffer-pool-size=128M',
      '--innodb-log-file-size=32M',
      '--innodb-flush-log-at-trx-commit=2',
      '--binlog-format=ROW',
      '--innodb-autoinc-lock-mode=2',
      '--wsrep-on=ON',
      `--wsrep-provider=${GALERA_LIBRARY}`,
      `--wsrep-provider-options=${provider.join(';')}`,
      '--wsrep-cluster-name=stepping-proof',
      `--wsrep-cluster-address=gcomm://${nodes.map((node) => `127.0.0.1:${node.ports.group}`).join(',')}`,
      `--wsrep-node-name=node${this.place + 1}`,
      '--wsrep-node-address=127.0.0.1',
      '--wsrep-sst-method=rsync',
      `--wsrep-sst-receive-address=127.0.0.1:${state}`,
    ];
  }

  /** Where its own log ends; undefined if it does not tell. */
  private recoveredPosition(): string | undefined {
    const { stderr } = spawnSync(
      MARIADB,
      [
        '--no-defaults',
        `--datadir=${join(this.folder, 'data')}`,
        `--socket=${join(this.folder, 'socket')}`,
        `--pid-file=${join(this.folder, 'pid')}`,
        '--innodb-log-file-size=32M',
        '--wsrep-on=ON',
        `--wsrep-provider=${GALERA_LIBRARY}`,
        '--wsrep-recover',
      ],
      { ...this.account, encoding: 'utf8', timeout: 60_000 },
    );
    return /Recovered position:\s*(\S+:\d+)/.exec(stderr)?.[1];
  }

  private async status(name: string): Promise<string | undefined> {
    try {
      const local = await this.connect();
      try {
        const [[row]] = await local.query<RowDataPacket[]>('SHOW GLOBAL STATUS LIKE ?', [name]);
        return row && String(row.Value);
      } finally {
        local.destroy();
      }
    } catch {
      return undefined;
    }
  }
}
