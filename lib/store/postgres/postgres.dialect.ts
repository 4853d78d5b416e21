import { InvalidOptionError } from '../../errors/index.js';
import type {
  InternalConnection,
  Queryable,
  RunStatement,
  StatementResult,
} from '../connections/internal.connection.js';
import type { ConnectionProbe } from '../connections/connection-probe.js';
import { PooledConnection, type PooledSessions } from '../connections/pooled.connection.js';
import { PreparedStatements } from './postgres.prepared-statements.js';
import type { Migration } from '../migrations/migration.js';
import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { PostgresBarrierTable } from './postgres.barrier-table.js';
import { PostgresJobCatalog } from './postgres.job-catalog.js';
import { PostgresJobTable } from './postgres.job-table.js';
import { PostgresNotifications } from './postgres.notifications.js';
import { probePostgres } from './postgres.probe.js';
import { driverErrorOf, Dialect, type JobNotifications, type QualifiedTables } from '../dialect.js';

const OLDEST_VERSION = 130_000;

/** Serialization failure, deadlock. */
const SERIALIZATION_FAILURES = new Set(['40001', '40P01']);
/** Also: lock not available. */
const TRANSIENT_ERRORS = new Set([...SERIALIZATION_FAILURES, '55P03']);
const UNIQUE_VIOLATION = '23505';
/** Lost connections, shutdowns, system and internal errors: the COMMIT may have been done. */
const UNCERTAIN_ERROR_CLASSES = new Set(['08', '57', '58', 'XX', 'F0']);
/** Cardinality, data, integrity and limit errors, and what triggers raise. */
const ROW_ERROR_CLASSES = new Set(['21', '22', '23', '44', '54', 'P0']);

/** Both waits are tried again a few times, like every conflict. One migration takes well under a second. */
const MIGRATION_QUEUE_TIMEOUT = '10s';
/** Because DDL that waits for a lock makes everybody who comes after it wait as well. */
const DDL_LOCK_TIMEOUT = '5s';

/** PostgreSQL 13 and later, over the driver `pg`. */
export class PostgresDialect extends Dialect implements PooledSessions {
  override readonly capabilities = {
    skipLocked: true,
    returning: true,
    schemas: true,
    concurrentWriters: true,
  } as const;

  readonly beginReadCommitted = ['START TRANSACTION ISOLATION LEVEL READ COMMITTED'] as const;
  private readonly preparedStatements = new PreparedStatements();
  private currentSchema: string | undefined;

  override get schema(): string | undefined {
    return this.currentSchema;
  }

  override connect(): InternalConnection {
    return new PooledConnection(this.dataSource, this);
  }

  override jobTable(connection: InternalConnection): PostgresJobTable {
    return new PostgresJobTable(connection, this.tables.jobs);
  }

  override jobCatalog(connection: InternalConnection): PostgresJobCatalog {
    return new PostgresJobCatalog(connection, this.tables.jobs);
  }

  override barrierTable(connection: InternalConnection): PostgresBarrierTable {
    return new PostgresBarrierTable(connection, this.tables.barrier);
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

  override statementsOf({ id, postgres }: Migration): string[] {
    const { tables, names } = this;
    const statements = postgres({ ...tables, names });
    if (id === null) return [...statements];
    return [
      `
      CREATE TABLE IF NOT EXISTS ${tables.migrations} (
        id integer PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`,
      ...statements,
      `INSERT INTO ${tables.migrations} (id) VALUES (${id}) ON CONFLICT DO NOTHING`,
    ];
  }

  override async migrate(connection: InternalConnection, migrations: readonly Migration[]): Promise<void> {
    const { schema, tables } = this;
    await connection.transaction(async (run) => {
      await run(`SET LOCAL lock_timeout = '${MIGRATION_QUEUE_TIMEOUT}'`, []);
      await run(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`stepping ${tables.jobs}`]);
      await run(`SET LOCAL lock_timeout = '${DDL_LOCK_TIMEOUT}'`, []);
      // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists.
      const found = await run('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema]);
      if (found.rows.length === 0) await run(`CREATE SCHEMA IF NOT EXISTS "${schema}"`, []);
      for (const sql of await this.pendingStatements({ query: run }, migrations)) await run(sql, []);
    });
  }

  override notifications(connection: InternalConnection): JobNotifications {
    return new PostgresNotifications(this.dataSource, connection, this.tables.jobs);
  }

  override probe(client: unknown): ConnectionProbe {
    return probePostgres(client);
  }

  /** A deferred constraint or a serialization failure, for example. */
  override isRefusedCommit(error: unknown): boolean {
    const state = sqlStateOf(error);
    return /^[0-9A-Z]{5}$/.test(state) && !UNCERTAIN_ERROR_CLASSES.has(state.slice(0, 2));
  }

  override endsTransaction(): boolean {
    return false;
  }

  override isTransientError(error: unknown): boolean {
    return TRANSIENT_ERRORS.has(sqlStateOf(error));
  }

  override isSerializationFailure(error: unknown): boolean {
    return SERIALIZATION_FAILURES.has(sqlStateOf(error));
  }

  override isUniqueViolation(error: unknown): boolean {
    return sqlStateOf(error) === UNIQUE_VIOLATION;
  }

  override isRowError(error: unknown): boolean {
    return ROW_ERROR_CLASSES.has(sqlStateOf(error).slice(0, 2));
  }

  /** The answer to a statement does not say; the status of the connection does, and is watched elsewhere. */
  override inTransactionAfter(): undefined {
    return undefined;
  }

  override isInTransaction(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async statementsNeedReadCommitted(run: RunStatement): Promise<boolean> {
    const { rows } = await run('SHOW default_transaction_isolation', []);
    const [row] = rows as { default_transaction_isolation: string }[];
    return row?.default_transaction_isolation !== 'read committed';
  }

  runPrepared(runner: QueryRunnerLike, sql: string, params: readonly unknown[]): Promise<StatementResult> {
    return this.preparedStatements.run(runner, sql, params);
  }

  discard(runner: QueryRunnerLike): void {
    const { releasePostgresConnection } = runner as {
      releasePostgresConnection?: (error: Error) => Promise<void>;
    };
    void releasePostgresConnection?.call(runner, new Error('The transaction on it could not be ended.'));
  }

  protected override async checkVersion(connection: InternalConnection): Promise<void> {
    const { rows } = await connection.query('SHOW server_version_num');
    const version = Number((rows as { server_version_num: string }[])[0]?.server_version_num);
    if (!(version >= OLDEST_VERSION)) this.refuseVersion(`PostgreSQL ${Math.floor(version / 10_000)}`);
  }

  protected override async qualify(connection: InternalConnection): Promise<QualifiedTables> {
    const { names } = this;
    const schema =
      names.schema ??
      (this.dataSource.options['schema'] as string | undefined) ??
      (await currentSchema(connection));
    this.currentSchema = schema;
    const prefix = `"${schema.replaceAll('"', '""')}"`;
    return {
      jobs: `${prefix}."${names.jobs}"`,
      barrier: `${prefix}."${names.barrier}"`,
      migrations: `${prefix}."${names.migrations}"`,
    };
  }
}

async function currentSchema(connection: InternalConnection): Promise<string> {
  const { rows } = await connection.query('SELECT current_schema() AS name');
  const schema = (rows as { name: string | null }[])[0]?.name;
  if (schema === null || schema === undefined) {
    throw new InvalidOptionError('tables.schema', undefined, 'a schema, since the search path leads to none');
  }
  return schema;
}

function sqlStateOf(error: unknown): string {
  const { code } = driverErrorOf(error);
  return typeof code === 'string' ? code : '';
}
