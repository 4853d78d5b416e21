import { createHash } from 'node:crypto';
import {
  InvalidOptionError,
  TransactionManagerUnavailableError,
  UnsupportedDatabaseError,
} from '../../errors/index.js';
import type { QueryRunnerLike, StructuredResult } from '../../core/transactions/typeorm.types.js';
import { withoutData } from '../../errors/data-in-errors.js';
import { runIn } from '../connections/application-transaction.js';
import { logFailedStatement, logStatement } from '../connections/statement-log.js';
import { ConnectionBeside } from '../connections/connection-beside.js';
import type { ConnectionProbe } from '../connections/connection-probe.js';
import { PoolRenewal } from '../connections/pool-renewal.js';
import type {
  InternalConnection,
  Queryable,
  Statement,
  StatementResult,
} from '../connections/internal.connection.js';
import { PooledConnection, type PooledSessions } from '../connections/pooled.connection.js';
import { Dialect, type JobNotifications } from '../dialect.js';
import type { Migration } from '../migrations/migration.js';
import { qualifyTables, type QualifiedTables } from '../table-names.js';
import { questionMarkSql } from '../sql-template.js';
import {
  discardIdleClients,
  discardWhenReleased,
  kill,
  MysqlClientBeside,
  poolOf,
  isInTransaction,
  queryClient,
  type ResultHeader,
  type MysqlClient,
} from './mysql.clients.js';
import { MYSQL_ENGINES } from './mysql.engines.js';
import { mysqlErrors } from './mysql.errors.js';
import { probeMysql } from './mysql.probe.js';
import { MysqlNotation } from './mysql.notation.js';
import { halvingLocks, skippingLocks, type RowLocks } from './mysql.row-locks.js';
import { mysqlSchema } from './mysql.schema.js';

const OLDEST_MYSQL = [8, 0] as const;
const OLDEST_MARIADB = [10, 6] as const;
const OLDEST_TIDB = [8, 5] as const;

/** It says that it is MySQL 8.0.11, and its own version behind that. */
const TIDB = /-TiDB-v?(\d+)\.(\d+)/i;

/** Creating the tables takes well under a second, even when many processes start at once. */
const MIGRATION_QUEUE_TIMEOUT_S = 60;

/** Its statements may take long on a large table. */
const UNTIMED = { timed: false } as const;

const tidbLocks = halvingLocks(mysqlErrors);
const READ_COMMITTED = 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED';

/** MySQL 8.0 and MariaDB 10.6, and later, and TiDB, over the driver `mysql2`. */
export class MysqlDialect extends Dialect implements PooledSessions {
  override readonly errors = mysqlErrors;
  override readonly sql = questionMarkSql;
  protected override readonly ddl = mysqlSchema;

  /** The first one applies to the next transaction only. */
  beginReadCommitted: readonly string[] = [READ_COMMITTED, 'START TRANSACTION'];
  private database: string | undefined;
  readonly renewal = new PoolRenewal(() => {
    discardWhenReleased(poolOf(this.dataSource)?._allConnections?.toArray?.());
    this.discardIdle();
  });

  override get schema(): string | undefined {
    return this.database;
  }

  override connect(): InternalConnection {
    return new PooledConnection(this.dataSource, this);
  }

  override notation(): MysqlNotation {
    return new MysqlNotation();
  }

  override get poolSize(): number | undefined {
    return poolOf(this.dataSource)?.config?.connectionLimit;
  }

  override beside(
    pooled: InternalConnection,
    _listening: JobNotifications | undefined,
    statementTimeout: number,
  ): ConnectionBeside {
    return new ConnectionBeside(
      this.dataSource,
      this,
      new MysqlClientBeside(this.dataSource),
      pooled,
      statementTimeout,
    );
  }

  /**
   * The connection does not tell. The header of each answer does, and is checked where the job is inserted. Errors that end
   * a transaction are seen as they pass.
   */
  override probe(client: unknown): ConnectionProbe {
    return probeMysql(client);
  }

  override async existingTables(connection: Queryable, names: readonly string[]): Promise<Set<string>> {
    const { sql, params } = this.latest({
      sql: 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ?',
      params: [this.schema],
    });
    const { rows } = await connection.query(sql, params);
    // Servers on file systems without regard to case keep the names in lower case.
    const found = new Set((rows as { name: string }[]).map((row) => row.name.toLowerCase()));
    return new Set(names.filter((name) => found.has(name.toLowerCase())));
  }

  override async checkTables(connection: Queryable, names: readonly string[]): Promise<void> {
    // The engine of every other table would have to be looked up as well.
    const { rows } = await connection.query(
      `SELECT table_name AS name, engine AS engine FROM information_schema.tables
        WHERE table_schema = ? AND table_name IN (${names.map(() => '?').join(', ')})`,
      [this.schema, ...names],
    );
    const other = (rows as { name: string; engine: string | null }[]).find(
      ({ engine }) => engine?.toLowerCase() !== 'innodb',
    );
    if (other) {
      throw new UnsupportedDatabaseError(
        `The table ${other.name} with ENGINE=${other.engine ?? 'none, as a view'}`,
        'ENGINE=InnoDB, whose rows follow their transaction',
      );
    }
  }

  override async existingIndexes(connection: Queryable): Promise<Set<string>> {
    const { rows } = await connection.query(
      'SELECT DISTINCT LOWER(index_name) AS name FROM information_schema.statistics WHERE table_schema = ?',
      [this.schema],
    );
    return new Set((rows as { name: string }[]).map((row) => row.name));
  }

  /** DDL commits by itself here, so the lock is one of the session, taken and released by name. */
  override async migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void> {
    const lock = `stepping ${createHash('sha256').update(this.tables.jobs).digest('hex').slice(0, 40)}`;
    await connection.transaction(async (run) => {
      const { rows } = await run('SELECT GET_LOCK(?, ?) AS locked', [lock, MIGRATION_QUEUE_TIMEOUT_S]);
      if (Number((rows as { locked: unknown }[])[0]?.locked) !== 1) {
        const busy = new Error(`another process has held it for ${MIGRATION_QUEUE_TIMEOUT_S} s`);
        throw new TransactionManagerUnavailableError('The lock of the migrations', { cause: busy });
      }
      try {
        for (const sql of await this.pendingStatements({ query: run }, migrations)) await run(sql);
      } finally {
        await run('SELECT RELEASE_LOCK(?)', [lock]);
      }
    }, UNTIMED);
  }

  override inTransactionAfter(result: StructuredResult): boolean | undefined {
    return isInTransaction(result.raw as ResultHeader | undefined);
  }

  /** A statement that does nothing: the server status comes with its answer. */
  override async isInTransaction(runner: QueryRunnerLike, gid: string): Promise<boolean | undefined> {
    return this.inTransactionAfter(await runIn(this, runner, gid, { sql: 'DO 0', params: [] }));
  }

  /**
   * Never, although the default is REPEATABLE READ: statements that run on their own are plain reads, and writes of
   * single rows by their primary key, whose locks are released when they return.
   */
  statementsNeedReadCommitted(): Promise<boolean> {
    return Promise.resolve(false);
  }

  override async send(
    runner: QueryRunnerLike,
    sql: string,
    params: readonly unknown[],
  ): Promise<StatementResult> {
    const client = (await runner.connect()) as MysqlClient;
    const values = [...params];
    logStatement(runner, sql, values);
    try {
      return await queryClient(client, sql, values);
    } catch (error) {
      logFailedStatement(runner, error, sql, values);
      throw withoutData(error, values);
    }
  }

  get locks(): RowLocks {
    return this.lockWait === 'NOWAIT' ? tidbLocks : skippingLocks;
  }

  /** A node of Galera applies what others have committed a little later. */
  override latest(read: Statement): Statement {
    if (!this.locksPerNode) return read;
    return { sql: `SET STATEMENT wsrep_sync_wait = 1 FOR ${read.sql}`, params: read.params };
  }

  /** The connection does not tell. The answers do. */
  inTransaction(): boolean {
    return false;
  }

  override discard(runner: QueryRunnerLike): void {
    (runner as { databaseConnection?: MysqlClient }).databaseConnection?.destroy?.();
  }

  override retire(runner: QueryRunnerLike): void {
    const { databaseConnection } = runner as { databaseConnection?: MysqlClient };
    discardWhenReleased(databaseConnection && [databaseConnection]);
  }

  override async interrupt(runner: QueryRunnerLike): Promise<void> {
    const { databaseConnection } = runner as { databaseConnection?: MysqlClient };
    await kill(this.dataSource, databaseConnection, this.statementTimeout);
  }

  discardIdle(): void {
    discardIdleClients(this.dataSource);
  }

  protected override async checkVersion(connection: Queryable): Promise<void> {
    const { rows } = await connection.query('SELECT VERSION() AS version, @@version_comment AS comment');
    const [{ version: found, comment } = {}] = rows as { version?: unknown; comment?: unknown }[];
    const version = String(found);
    if (TIDB.test(version)) return this.onTidb(version);
    this.refuseForeign(`${version} ${String(comment)}`, MYSQL_ENGINES);
    // Some MariaDB servers announce themselves as "5.5.5-10.11.6-MariaDB".
    const mariadb = /(\d+)\.(\d+)[.\d]*-mariadb/i.exec(version);
    const [, major, minor] = mariadb ?? /^(\d+)\.(\d+)/.exec(version) ?? [];
    const oldest = mariadb ? OLDEST_MARIADB : OLDEST_MYSQL;
    const newEnough =
      Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
    if (!newEnough) this.refuseVersion(`${mariadb ? 'MariaDB' : 'MySQL'} ${version}`);
    this.locksPerNode = mariadb !== null && (await isGaleraNode(connection));
  }

  /** It takes SKIP LOCKED for a word without meaning, and may be set to lock nothing before the COMMIT. */
  private onTidb(version: string): void {
    const [, major, minor] = TIDB.exec(version)!;
    const [oldestMajor, oldestMinor] = OLDEST_TIDB;
    const newEnough =
      Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
    if (!newEnough) this.refuseVersion(`TiDB ${version}`);
    this.lockWait = 'NOWAIT';
    this.keepsSchema = true;
    this.beginReadCommitted = [READ_COMMITTED, 'BEGIN PESSIMISTIC'];
  }

  /**
   * The tables are utf8mb4, the connection is what the application made it. The driver escapes texts with backslashes, and
   * cannot be told that they mean nothing.
   */
  protected override async isUnicode(connection: Queryable): Promise<boolean> {
    const { rows } = await connection.query(
      `SELECT @@character_set_client AS client, @@character_set_connection AS connection,
              COALESCE(@@character_set_results, 'utf8mb4') AS results, @@sql_mode AS mode, @@autocommit AS autocommit`,
    );
    const [{ mode, autocommit, ...charsets }] = rows as [Record<string, unknown>];
    if (String(mode).includes('NO_BACKSLASH_ESCAPES')) {
      throw new UnsupportedDatabaseError(
        'sql_mode NO_BACKSLASH_ESCAPES, in which the driver damages texts',
        'any sql_mode without it',
      );
    }
    if (Number(autocommit) === 0) {
      throw new UnsupportedDatabaseError(
        'autocommit = 0, in which nobody commits a statement outside of transactions,',
        'autocommit = 1, in the server and for each connection',
      );
    }
    return Object.values(charsets).every((charset) => String(charset) === 'utf8mb4');
  }

  protected override async qualify(connection: Queryable): Promise<QualifiedTables> {
    const { names } = this;
    const { rows } = await connection.query('SELECT DATABASE() AS name');
    const database = names.schema ?? (rows as { name: string | null }[])[0]?.name;
    if (database === null || database === undefined) {
      throw new InvalidOptionError('tables.schema', undefined, 'a database, since the DataSource names none');
    }
    this.database = database;
    return qualifyTables(`\`${database.replaceAll('`', '``')}\``, '`', names);
  }
}

/** To be asked of MariaDB: not all builds have the variable. */
async function isGaleraNode(connection: Queryable): Promise<boolean> {
  const { rows } = await connection.query(`SHOW VARIABLES LIKE 'wsrep_on'`);
  return (rows as { Value?: unknown }[])[0]?.Value === 'ON';
}
