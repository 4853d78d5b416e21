import type { DeferredStatement, DeferredStatements } from '../connections/connection-probe.js';
import { ParsedStatements } from './postgres.parsed-statements.js';
import { statementBatch } from './postgres.statement-batch.js';

const COMMIT = 'COMMIT';

/** A batch is built in memory, and the server answers it as a whole. */
const MOST_STATEMENTS = 100;
const MOST_CHARS = 1024 * 1024;

/** These neither end the transaction nor change its settings. */
const HARMLESS = /^\s*(?:select|insert|update|delete|merge|with|values)\b/i;
const HARMFUL = /;|set_config/i;

/**
 * The statements that wait on one connection until its transaction is about to end, and are then sent together with the
 * COMMIT: one round trip, and one answer, for all of them.
 *
 * It replaces the connection's `query()`, so nothing can overtake them. Whatever else could end the transaction, set a
 * savepoint or change the role is sent after them, whoever sends it.
 */
export class PostgresDeferredStatements implements DeferredStatements {
  private waiting: DeferredStatement[] = [];
  private chars = 0;
  private readonly send: (...args: any[]) => any;
  private readonly parsed: ParsedStatements;

  private constructor(
    private readonly client: any,
    /** `T` in a transaction, `E` in one that has failed, `I` outside; undefined before anybody knows. */
    private readonly status: () => string | undefined,
  ) {
    // Tools that wrap the method of the class, now or later, still see every statement.
    const own: unknown = Object.hasOwn(client, 'query') ? client.query : undefined;
    this.send = (...args) => ((own as any) ?? Object.getPrototypeOf(client).query).apply(client, args);
    this.parsed = new ParsedStatements(client);
    client.query = (...args: any[]) => this.query(args);
  }

  /** Replaces the `query()` of a `pg` client, once; undefined for a client that cannot take a batch. */
  static install(client: any, status: () => string | undefined): PostgresDeferredStatements | undefined {
    const { connection: protocol } = client;
    const batches = typeof protocol.parse === 'function' && typeof protocol.sync === 'function';
    return batches ? new PostgresDeferredStatements(client, status) : undefined;
  }

  /** The transaction is open and idle: only its own content could make a statement fail now. */
  get open(): boolean {
    const { readyForQuery, pipeline } = this.client;
    // While a statement is running, or has just failed, the status is that of the one before. In its pipeline mode
    // the driver takes only its own query objects.
    return this.status() === 'T' && readyForQuery !== false && !pipeline;
  }

  /** Queues a statement. Returns the flush, which never fails, if the queue is full. */
  add(statement: DeferredStatement): Promise<void> | undefined {
    this.waiting.push(statement);
    for (const value of statement.params) if (typeof value === 'string') this.chars += value.length;
    return this.waiting.length < MOST_STATEMENTS && this.chars < MOST_CHARS ? undefined : this.flush();
  }

  /** Forgets the statements: the transaction is rolled back, or gone. */
  drop(): void {
    this.waiting = [];
    this.chars = 0;
  }

  private query(args: any[]): any {
    const text: unknown = typeof args[0] === 'string' ? args[0] : args[0]?.text;
    if (typeof text === 'string') this.parsed.beforeStatement(text);
    if (this.waiting.length === 0) return this.send(...args);
    if (typeof text === 'string' && HARMLESS.test(text) && !HARMFUL.test(text)) return this.send(...args);
    if (text === COMMIT && this.open && !args.some((arg) => typeof arg === 'function')) return this.commit();
    void this.flush();
    return this.send(...args);
  }

  /** Resolves to what the driver itself answers to a COMMIT. */
  private commit(): Promise<{ command: string | undefined; rowCount: null; rows: [] }> {
    return new Promise((resolve, reject) => {
      this.sendAll(COMMIT, (error, tag) => {
        if (error === undefined) resolve({ command: tag, rowCount: null, rows: [] });
        else reject(error as Error);
      });
    });
  }

  /** A failed transaction takes no more statements, and is rolled back however it ends. */
  private async flush(): Promise<void> {
    const status = this.status();
    if (status === 'T') return new Promise((resolve) => this.sendAll(undefined, () => resolve()));
    const statements = this.waiting;
    this.drop();
    if (status === 'I') for (const statement of statements) statement.refused();
  }

  private sendAll(last: typeof COMMIT | undefined, callback: (error: unknown, tag?: string) => void): void {
    const statements = this.waiting;
    this.drop();
    for (const statement of statements) statement.sent();
    const batch = statementBatch(statements, last, this.parsed, (error, tag) => {
      // The error of a COMMIT says it all, whichever of the statements met it.
      const refused = error !== undefined && last === undefined && !isFailedAlready(error);
      if (refused) (statements[batch.done()] ?? statements[0]!).refused(error);
      callback(error, tag);
    });
    this.send(batch);
  }
}

/** An earlier statement of the transaction has failed. */
function isFailedAlready(error: unknown): boolean {
  return (error as { code?: unknown }).code === '25P02';
}
