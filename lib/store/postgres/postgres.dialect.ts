import { InvalidOptionError, UnsupportedDatabaseError } from '../../errors/index.js';
import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { ConnectionBeside } from '../connections/connection-beside.js';
import type { ConnectionProbe } from '../connections/connection-probe.js';
import type {
  InternalConnection,
  Queryable,
  RunStatement,
  StatementResult,
} from '../connections/internal.connection.js';
import { PoolRenewal } from '../connections/pool-renewal.js';
import { PooledConnection, type PooledSessions } from '../connections/pooled.connection.js';
import { Dialect, type JobNotifications } from '../dialect.js';
import type { Migration } from '../migrations/migration.js';
import { within } from '../../core/within.js';
import { isTrue } from '../job-rows.js';
import { qualifyTables, tablesOf, type QualifiedTables } from '../table-names.js';
import { numberedSql } from '../sql-template.js';
import { refuseTakenKey } from './postgres.barrier-key.js';
import {
  cancelStatement,
  discardIdleClients,
  expireClients,
  hearErrorsOf,
  type PostgresClient,
} from './postgres.clients.js';
import { POSTGRES_ENGINES } from './postgres.engines.js';
import { postgresErrors } from './postgres.errors.js';
import { PostgresNotifications } from './postgres.notifications.js';
import { PreparedStatements } from './postgres.prepared-statements.js';
import { probePostgres } from './postgres.probe.js';
import { PostgresNotation } from './postgres.notation.js';
import { postgresSchema } from './postgres.schema.js';

const OLDEST_VERSION = 13;

/** One migration takes well under a second, and both waits are retried like every conflict. */
const MIGRATION_QUEUE_TIMEOUT = '10s';
/** DDL that waits for a lock makes everybody behind it wait as well. */
const DDL_LOCK_TIMEOUT = '5s';

/** How long a connection stays open after the server was asked to end its statement. */
const INTERRUPT_MS = 1_000;

/** Its statements may take long on a large table. */
const UNTIMED = { timed: false } as const;

/** What addresses a row that the same statement has locked. `ctid` is the fastest way, and unique in one table only. */
export type RowPlace = 'ctid' | 'gid';

/** PostgreSQL 13 and later, over the driver `pg`. */
export class PostgresDialect extends Dialect implements PooledSessions {
  override readonly errors = postgresErrors;
  override readonly sql = numberedSql;
  protected override readonly ddl = postgresSchema;

  readonly beginReadCommitted = ['START TRANSACTION ISOLATION LEVEL READ COMMITTED'] as const;
  private readonly preparedStatements = new PreparedStatements();
  private currentSchema: string | undefined;
  rowPlace: RowPlace = 'ctid';
  private listening: PostgresNotifications | undefined;
  private readonly interrupting = new WeakMap<QueryRunnerLike, Promise<unknown>>();
  readonly renewal = new PoolRenewal(() => {
    const pool = this.dataSource.driver.master;
    expireClients(pool, pool?._clients);
    this.discardIdle();
    this.listening?.reconnect();
  });

  override get schema(): string | undefined {
    return this.currentSchema;
  }

  override connect(): InternalConnection {
    return new PooledConnection(this.dataSource, this);
  }

  override notifications(connection: InternalConnection): JobNotifications {
    const timeout = () => this.statementTimeout;
    this.listening = new PostgresNotifications(this.dataSource, connection, this.tables.jobs, timeout);
    return this.listening;
  }

  override notation(): PostgresNotation {
    return new PostgresNotation();
  }

  override get poolSize(): number | undefined {
    return this.dataSource.driver.master?.options?.max as number | undefined;
  }

  override beside(
    pooled: InternalConnection,
    listening: JobNotifications | undefined,
    statementTimeout: number,
  ): ConnectionBeside | undefined {
    return (
      listening && new ConnectionBeside(this.dataSource, this, listening.beside, pooled, statementTimeout)
    );
  }

  override probe(client: unknown): ConnectionProbe {
    return probePostgres(client);
  }

  override async existingTables(connection: Queryable, names: readonly string[]): Promise<Set<string>> {
    const { rows } = await connection.query(
      `
      SELECT c.relname
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p', 'v')`,
      [this.schema, names],
    );
    return new Set((rows as { relname: string }[]).map((row) => row.relname));
  }

  /** The parts of a partitioned table are asked as well: each has a kind of its own. */
  override async checkTables(connection: Queryable, names: readonly string[]): Promise<void> {
    const { rows } = await connection.query(
      `
      SELECT c.relname AS name, t.relkind AS kind, t.relpersistence AS persistence, t.relhassubclass AS "hasParts",
             EXISTS (SELECT
                       FROM pg_catalog.pg_index i
                       JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                      WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = 'gid') AS "gidIsUnique"
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL (
         SELECT c.relkind, c.relpersistence, c.relhassubclass
          UNION ALL
         SELECT p.relkind, p.relpersistence, p.relhassubclass
           FROM pg_catalog.pg_partition_tree(c.oid) l
           JOIN pg_catalog.pg_class p ON p.oid = l.relid
          WHERE c.relkind = 'p' AND l.isleaf
       ) t
       WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])`,
      [this.schema, names],
    );
    for (const table of rows as TableKind[]) {
      refuseUnlogged(table);
      if (table.name !== this.names.jobs) continue;
      refuseOtherKinds(table);
      if (table.kind === 'p') this.rowPlace = 'gid';
    }
  }

  override async existingIndexes(connection: Queryable): Promise<Set<string>> {
    const { rows } = await connection.query(
      `SELECT lower(indexname) AS name FROM pg_catalog.pg_indexes WHERE schemaname = $1 AND tablename = ANY ($2::text[])`,
      [this.schema, tablesOf(this.names)],
    );
    return new Set((rows as { name: string }[]).map((row) => row.name));
  }

  override refuseTakenNames(connection: Queryable): Promise<void> {
    return refuseTakenKey(connection, this.schema!, this.names);
  }

  override async migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void> {
    const { schema, tables } = this;
    await connection.transaction(async (run) => {
      await run(`SET LOCAL lock_timeout = '${MIGRATION_QUEUE_TIMEOUT}'`);
      await run(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`stepping ${tables.jobs}`]);
      await run(`SET LOCAL lock_timeout = '${DDL_LOCK_TIMEOUT}'`);
      // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists.
      const found = await run('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema]);
      if (found.rows.length === 0) await run(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
      for (const sql of await this.pendingStatements({ query: run }, migrations)) await run(sql);
    }, UNTIMED);
  }

  /** Known elsewhere: the protocol tells the state of the transaction, the answer to a statement does not. */
  override inTransactionAfter(): undefined {
    return undefined;
  }

  override isInTransaction(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async statementsNeedReadCommitted(run: RunStatement): Promise<boolean> {
    const { rows } = await run('SHOW default_transaction_isolation');
    const [row] = rows as { default_transaction_isolation: string }[];
    return row?.default_transaction_isolation !== 'read committed';
  }

  override send(
    runner: QueryRunnerLike,
    sql: string,
    params: readonly unknown[],
    prepared = false,
  ): Promise<StatementResult> {
    return this.preparedStatements.run(runner, sql, params, prepared);
  }

  inTransaction(runner: QueryRunnerLike): boolean {
    const { databaseConnection: client } = runner as { databaseConnection?: PostgresClient };
    // Older drivers do not tell.
    const status = client?.getTransactionStatus?.();
    return status === undefined
      ? this.probe(client).inTransaction() === true
      : status === 'T' || status === 'E';
  }

  /** A pooler no longer knows whose statement it is to end once the connection is closed, so that waits for a moment. */
  override discard(runner: QueryRunnerLike): void {
    const held = runner as {
      databaseConnection?: PostgresClient;
      releaseCallback?: ((error: Error) => void) | undefined;
      releasePostgresConnection?: (error: Error) => Promise<void>;
    };
    const { databaseConnection, releaseCallback } = held;
    // `pg` would wait for the server to agree to the end.
    const close = (): void => void databaseConnection?.connection?.stream.destroy();
    const asked = this.interrupting.get(runner);
    if (asked && releaseCallback) {
      held.releaseCallback = (error) =>
        void asked.then(() => {
          releaseCallback(error);
          close();
        });
    }
    void held.releasePostgresConnection?.(new Error('The connection is given up.'));
    if (!asked || !releaseCallback) close();
  }

  override retire(runner: QueryRunnerLike): void {
    const { databaseConnection } = runner as { databaseConnection?: PostgresClient };
    expireClients(this.dataSource.driver.master, databaseConnection && [databaseConnection]);
  }

  override async interrupt(runner: QueryRunnerLike): Promise<void> {
    const { databaseConnection } = runner as { databaseConnection?: PostgresClient };
    const asked = cancelStatement(this.dataSource.driver.master, databaseConnection, this.statementTimeout);
    this.interrupting.set(runner, within(INTERRUPT_MS, asked));
    await asked;
  }

  discardIdle(): void {
    discardIdleClients(this.dataSource.driver.master, this.statementTimeout);
  }

  protected override async checkVersion(connection: Queryable): Promise<void> {
    hearErrorsOf(this.dataSource);
    const { rows } = await connection.query('SELECT version() AS description');
    const { description } = rows[0] as { description: string };
    this.refuseForeign(description, POSTGRES_ENGINES);
    const version = Number(/^PostgreSQL (\d+)/.exec(description)?.[1]);
    if (!(version >= OLDEST_VERSION)) this.refuseVersion(`PostgreSQL ${version}`);
  }

  /** The driver's own side is always UTF-8. */
  protected override async isUnicode(connection: Queryable): Promise<boolean> {
    const { rows } = await connection.query('SHOW server_encoding');
    return (rows as { server_encoding: string }[])[0]?.server_encoding === 'UTF8';
  }

  protected override async qualify(connection: Queryable): Promise<QualifiedTables> {
    const { names } = this;
    const schema =
      names.schema ??
      (this.dataSource.options['schema'] as string | undefined) ??
      (await currentSchema(connection));
    this.currentSchema = schema;
    return qualifyTables(`"${schema.replaceAll('"', '""')}"`, '"', names);
  }
}

/** A table, or one part of it. */
interface TableKind {
  readonly name: string;
  readonly kind: string;
  readonly persistence: string;
  readonly hasParts: unknown;
  readonly gidIsUnique: unknown;
}

function refuseUnlogged({ name, persistence }: TableKind): void {
  if (persistence === 'p') return;
  throw new UnsupportedDatabaseError(`The unlogged table ${name}, which a crash empties,`, 'logged tables');
}

function refuseOtherKinds({ name, kind, hasParts, gidIsUnique }: TableKind): void {
  const plain = kind === 'r' && !isTrue(hasParts);
  if (plain || (kind === 'p' && isTrue(gidIsUnique))) return;
  const found =
    kind === 'p' ? 'partitioned, but not by gid' : kind === 'r' ? 'inherited' : 'a view or foreign';
  throw new UnsupportedDatabaseError(
    `The table ${name}, which is ${found},`,
    'a plain table, or one that is partitioned by its primary key gid',
  );
}

async function currentSchema(connection: Queryable): Promise<string> {
  const { rows } = await connection.query('SELECT current_schema() AS name');
  const schema = (rows as { name: string | null }[])[0]?.name;
  if (schema === null || schema === undefined) {
    throw new InvalidOptionError('tables.schema', undefined, 'a schema, since the search path leads to none');
  }
  return schema;
}
