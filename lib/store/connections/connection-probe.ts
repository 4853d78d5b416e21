import { DeferredStatements } from '../postgres/postgres.deferred-statements.js';

/**
 * What a driver's connection itself tells about its transaction, whatever TypeORM believes.
 *
 * TypeORM's subscriber hooks say that COMMIT was sent, not what came back: PostgreSQL answers the COMMIT
 * of a failed transaction with `ROLLBACK` and no error, and raw transaction control ends a transaction
 * that TypeORM still counts as open.
 */
export interface ConnectionProbe {
  /** Whether the connection was in a transaction after its last statement; undefined where it does not tell. */
  inTransaction(): boolean | undefined;
  /** How often the connection has been seen outside any transaction. */
  idleCount(): number;
  /** The statements that travel with its COMMIT, where it can send several at once. */
  readonly deferred?: DeferredStatements | undefined;
  /** What the last COMMIT really did; undefined where the driver does not tell. */
  commitAnswer(): 'COMMIT' | 'ROLLBACK' | undefined;
}

/** Listens to the protocol messages of one `pg` client. Their order is the order of the statements. */
class PostgresProbe implements ConnectionProbe {
  private status: string | undefined;
  private tag: string | undefined;
  private idle = 0;
  readonly deferred: DeferredStatements | undefined;

  constructor(client: any) {
    const protocol: { on(event: string, listener: (message: any) => void): void } = client.connection;
    this.status = client.getTransactionStatus?.() ?? undefined;
    this.deferred = DeferredStatements.install(client, () => this.status);
    protocol.on('commandComplete', (message) => (this.tag = message?.text));
    protocol.on('readyForQuery', (message) => {
      this.status = message?.status;
      if (this.status === 'I') this.idle += 1;
    });
  }

  inTransaction(): boolean | undefined {
    return this.status === undefined ? undefined : this.status !== 'I';
  }

  idleCount(): number {
    return this.idle;
  }

  commitAnswer(): 'COMMIT' | 'ROLLBACK' | undefined {
    return this.tag === 'COMMIT' || this.tag === 'ROLLBACK' ? this.tag : undefined;
  }
}

/** better-sqlite3 knows at any moment; a COMMIT that does nothing is an error there. */
class SqliteProbe implements ConnectionProbe {
  constructor(private readonly database: { readonly inTransaction: boolean }) {}

  inTransaction(): boolean {
    return this.database.inTransaction;
  }

  idleCount(): number {
    return 0;
  }

  commitAnswer(): 'COMMIT' {
    return 'COMMIT';
  }
}

/**
 * MySQL and MariaDB tell in the header of a statement's own answer, which is checked where the job is
 * inserted. A COMMIT says nothing; errors that end a transaction are seen as they pass (`QueryRunnerObserver`).
 */
const mysqlProbe: ConnectionProbe = {
  inTransaction: () => undefined,
  idleCount: () => 0,
  commitAnswer: () => 'COMMIT',
};

/** Nothing is known: every job is looked up before it runs. */
const blindProbe: ConnectionProbe = {
  inTransaction: () => undefined,
  idleCount: () => 0,
  commitAnswer: () => undefined,
};

const postgresProbes = new WeakMap<object, PostgresProbe>();

/** The probe of a connection that `queryRunner.connect()` returned. */
export function probeConnection(type: string, connection: any): ConnectionProbe {
  if (type === 'mysql' || type === 'mariadb') return mysqlProbe;
  if (type === 'better-sqlite3' && connection) return new SqliteProbe(connection);
  const protocol = connection?.connection;
  if (type !== 'postgres' || typeof protocol?.on !== 'function') return blindProbe;
  let probe = postgresProbes.get(protocol);
  if (!probe) postgresProbes.set(protocol, (probe = new PostgresProbe(connection)));
  return probe;
}
