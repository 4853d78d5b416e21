import { createHash } from 'node:crypto';
import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import {
  InboxTransactionError,
  JobOutsideTransactionError,
  TransactionConflictError,
} from '../errors/index.js';
import { printable } from '../errors/printable.js';
import { insertIn } from './connections/application-transaction.js';
import type { InternalConnection, Statement, TransactionWork } from './connections/internal.connection.js';
import type { Dialect } from './dialect.js';
import { orUnavailable } from './driver-errors.js';
import { SchemaMigrator } from './migrations/schema-migrator.js';
import { RawSql } from './sql-template.js';

/** What the columns hold, in characters. */
const MAX_TEXT_LENGTH = 255;

/** A message, for one of those who receive it. */
export interface MessageKey {
  readonly consumer: string;
  readonly id: string;
  /** How long its mark is kept at least, in milliseconds. Undefined: as long as whoever deletes marks keeps them. */
  readonly keptFor?: number | undefined;
}

/** A row of the inbox. */
export interface InboxRow {
  /** The key. A hash: databases compare texts without regard to case or to spaces at the end, cut them, or refuse characters. */
  readonly mark: string;
  /** For whoever reads the table, like the id: cut, and in characters that every database takes. */
  readonly consumer: string;
  readonly messageId: string;
  readonly keptFor: number | null;
}

/**
 * The inbox of one database: a row for each message that was received, written in the transaction of its work. The SQL is in its
 * subclasses, one for each database.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class InboxStore {
  constructor(
    protected readonly connection: InternalConnection,
    readonly dialect: Dialect,
  ) {}

  /** Inserts a row, or changes nothing when its key is taken. */
  protected abstract insertStatement(row: InboxRow): Statement;
  /** Deletes up to `limit` of the oldest rows that are older than `retention` ms, and than they are to be kept. */
  protected abstract purgeStatement(retention: number, limit: number): Statement;

  /**
   * Creates or checks the table; to be awaited before anything else. Throws `UnsupportedDatabaseError`, and
   * `SchemaOutdatedError` when the table is missing and `autoMigrate` is off.
   */
  async initialize(autoMigrate: boolean): Promise<void> {
    await this.own(async () => {
      await this.dialect.initialize(this.connection);
      await new SchemaMigrator(this.connection, this.dialect).ensure('inbox', autoMigrate);
      await this.dialect.checkTables(this.connection, [this.dialect.names.inbox]);
    });
  }

  /**
   * Marks a message as received, in the transaction of `runner`; false when it was received before. Waits for another transaction
   * that marks it. Throws `TransactionConflictError` when the database gave the transaction up, and `InboxTransactionError`, without
   * leaving the mark, when there was none.
   */
  async mark(runner: QueryRunnerLike, message: MessageKey): Promise<boolean> {
    const row = this.rowOf(message);
    const undo = () => this.delete(row);
    try {
      return await insertIn(this.dialect, runner, row.mark, this.insertStatement(row), undo);
    } catch (error) {
      if (error instanceof TransactionConflictError) throw this.conflict(message, error.cause);
      if (error instanceof JobOutsideTransactionError) throw InboxTransactionError.ended();
      throw error;
    }
  }

  /** Whether a message is known to have been received. */
  async isMarked(message: MessageKey): Promise<boolean> {
    const { mark } = this.rowOf(message);
    const read = this.dialect.sql`SELECT 1 FROM ${this.table} WHERE mark = ${mark}`;
    const { rows } = await this.run(this.dialect.latest(read));
    return rows.length > 0;
  }

  /**
   * Deletes up to `limit` marks that are older than `retention` ms; returns how many. Those that another application keeps for longer stay:
   * it may have the same table.
   */
  purge(retention: number, limit: number): Promise<number> {
    const statement = this.purgeStatement(retention, limit);
    function* work(): TransactionWork<number> {
      return (yield statement).affected;
    }
    return this.own(() => this.connection.atomically(work));
  }

  /** What to throw for an error that ended the transaction of a message, and is not one of its work. */
  errorOf(message: MessageKey, error: unknown): unknown {
    return this.dialect.errors.isTransient(error) ? this.conflict(message, error) : error;
  }

  /** Qualified and quoted. */
  protected get table(): RawSql {
    return new RawSql(this.dialect.tables.inbox);
  }

  private conflict({ consumer, id }: MessageKey, cause: unknown): TransactionConflictError {
    return TransactionConflictError.ofMessage(consumer, id, { cause });
  }

  private rowOf({ consumer, id, keptFor }: MessageKey): InboxRow {
    const readable = (text: string) =>
      this.dialect.text.encode(printable(text, MAX_TEXT_LENGTH)).slice(0, MAX_TEXT_LENGTH);
    return {
      mark: markOf(consumer, id),
      consumer: readable(consumer),
      messageId: readable(id),
      keptFor: keptFor === undefined ? null : Math.ceil(keptFor),
    };
  }

  private async delete({ mark }: InboxRow): Promise<void> {
    await this.run(this.dialect.sql`DELETE FROM ${this.table} WHERE mark = ${mark}`);
  }

  private run({ sql, params }: Statement) {
    return this.own(() => this.connection.query(sql, params));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the inbox', this.dialect, work);
  }
}

/** JSON keeps the two apart, and writes halves of characters, which UTF-8 cannot tell from each other, as escapes. */
function markOf(consumer: string, id: string): string {
  return createHash('sha256')
    .update(JSON.stringify([consumer, id]))
    .digest('hex');
}
