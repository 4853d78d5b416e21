import { setTimeout as sleep } from 'node:timers/promises';
import { withoutData } from '../../errors/data-in-errors.js';
import { TransactionManagerUnavailableError } from '../../errors/index.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import {
  InternalConnection,
  type Statement,
  type StatementResult,
  type TransactionWork,
} from '../connections/internal.connection.js';
import type { SerialGate } from '../connections/serial-gate.js';
import { errorCodeOf } from '../driver-errors.js';
import { BUSY_SNAPSHOT, sqliteErrors } from './sqlite.errors.js';

/** Runs one statement of a synchronous SQLite transaction. */
export type RunNow = (sql: string, params?: readonly unknown[]) => StatementResult;

/** A transaction that stays open longer than this is stuck, and the caller should hear of it. */
const PATIENCE_MS = 30_000;
const LONGEST_PAUSE_MS = 20;

/** The parts of a `better-sqlite3` handle that are used here. */
interface SqliteHandle {
  readonly open: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
}

interface SqliteStatement {
  readonly reader: boolean;
  all(...params: unknown[]): unknown[];
  run(...params: unknown[]): { changes: number };
  safeIntegers(toggle: boolean): unknown;
}

const CANNOT_RUN_YET = Symbol('cannot run yet');

/**
 * Runs the library's statements on an SQLite `DataSource`: one connection, which the application uses as well.
 *
 * A statement runs in a tick in which no transaction is open on the connection; otherwise it would become part of that
 * transaction. So it bypasses the query runner, whose `query()` yields before it runs. Inside the transaction that
 * holds the gate, or is open there, everything runs at once and belongs to that transaction: it could only wait for itself.
 */
export class SqliteConnection extends InternalConnection {
  private readonly statements = new WeakMap<SqliteHandle, Map<string, SqliteStatement>>();

  constructor(
    private readonly dataSource: DataSourceLike,
    private readonly gate: SerialGate,
    /** Whether the caller runs inside the transaction that holds the gate. */
    private readonly insideHolder: () => boolean,
    /** The host's clock, in epoch milliseconds. */
    readonly now: () => number = Date.now,
  ) {
    super();
  }

  override query(sql: string, params: readonly unknown[] = []): Promise<StatementResult> {
    return this.run((handle) => this.execute(handle, sql, params), PATIENCE_MS);
  }

  override transaction<T>(): Promise<T> {
    return Promise.reject(new TypeError('An SQLite transaction is synchronous: use immediate().'));
  }

  override atomically<T>(work: () => TransactionWork<T>): Promise<T> {
    return this.immediate((run) => {
      const statements = work();
      for (let next = statements.next(); ;) {
        if (next.done) return next.value;
        next = statements.next(run(next.value.sql, next.value.params));
      }
    });
  }

  /** Runs all statements in one transaction. */
  batch(statements: readonly Statement[]): Promise<StatementResult[]> {
    return this.immediate((run) => statements.map(({ sql, params }) => run(sql, params)));
  }

  /**
   * Runs `work`, which is synchronous, between BEGIN IMMEDIATE and COMMIT, all in one tick. Waits at most `patience`
   * milliseconds for its turn, then throws `TransactionManagerUnavailableError`.
   */
  immediate<T>(work: (run: RunNow) => T, patience = PATIENCE_MS): Promise<T> {
    return this.run((handle, nested) => {
      const run: RunNow = (sql, params = []) => this.execute(handle, sql, params);
      if (nested) return work(run);
      handle.exec('BEGIN IMMEDIATE');
      try {
        const result = work(run);
        handle.exec('COMMIT');
        return result;
      } catch (error) {
        if (handle.inTransaction) handle.exec('ROLLBACK');
        throw error;
      }
    }, patience);
  }

  override get inTransaction(): boolean {
    return this.handle().inTransaction;
  }

  private async run<T>(work: (handle: SqliteHandle, nested: boolean) => T, patience: number): Promise<T> {
    const deadline = performance.now() + patience;
    const inside = this.insideHolder();
    let nested = false;
    await this.gate.giveWay();
    let busy: unknown;
    for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        // In a hook after the COMMIT the holder still has the gate, but no transaction.
        nested = inside && this.inTransaction;
        const result = inside ? work(this.handle(), nested) : await this.behindGate(work, deadline);
        if (result !== CANNOT_RUN_YET) return result as T;
      } catch (error) {
        if (!mayPassSoon(error, nested)) throw error;
        busy = error;
      }
      if (performance.now() + pause >= deadline) {
        const open = new Error(`a transaction stayed open on its only connection for ${patience} ms`);
        throw new TransactionManagerUnavailableError('The SQLite database', { cause: busy ?? open });
      }
      await sleep(pause / 2 + (Math.random() * pause) / 2);
    }
  }

  /** Leaves the gate between two tries, so whoever holds the transaction can still pass it. */
  private async behindGate<T>(
    work: (handle: SqliteHandle, nested: boolean) => T,
    deadline: number,
  ): Promise<T | typeof CANNOT_RUN_YET> {
    if (this.gate.idle) {
      const handle = this.handle();
      return handle.inTransaction ? CANNOT_RUN_YET : work(handle, false);
    }
    let abandoned = false;
    const turn = this.gate.run(() => {
      if (abandoned) return CANNOT_RUN_YET;
      const handle = this.handle();
      return handle.inTransaction ? CANNOT_RUN_YET : work(handle, false);
    });
    const timer = new AbortController();
    const tooLate = sleep(Math.max(0, deadline - performance.now()), CANNOT_RUN_YET, {
      signal: timer.signal,
    });
    tooLate.catch(() => undefined);
    try {
      return await Promise.race([turn, tooLate]);
    } finally {
      abandoned = true;
      timer.abort();
    }
  }

  private execute(handle: SqliteHandle, sql: string, params: readonly unknown[]): StatementResult {
    const statement = this.prepare(handle, sql);
    const bound = params.map((param) => (typeof param === 'boolean' ? Number(param) : param));
    try {
      if (!statement.reader) return { rows: [], affected: Number(statement.run(...bound).changes) };
      const rows = statement.all(...bound);
      return { rows, affected: rows.length };
    } catch (error) {
      throw withoutData(error, params);
    }
  }

  /** For each handle: a `DataSource` that is destroyed and initialized again has a new one. */
  private prepare(handle: SqliteHandle, sql: string): SqliteStatement {
    let prepared = this.statements.get(handle);
    if (!prepared) this.statements.set(handle, (prepared = new Map<string, SqliteStatement>()));
    let statement = prepared.get(sql);
    if (!statement) {
      prepared.set(sql, (statement = handle.prepare(sql)));
      // Whatever the application has set for its connection.
      statement.safeIntegers(false);
    }
    return statement;
  }

  private handle(): SqliteHandle {
    const handle = (this.dataSource.driver as { databaseConnection?: SqliteHandle }).databaseConnection;
    if (!handle?.open)
      throw new TransactionManagerUnavailableError('The SQLite DataSource', {
        cause: new Error('it is not initialized, or has been destroyed'),
      });
    return handle;
  }
}

/** Whether another process holds the file for now. In a transaction whose snapshot is too old, no waiting helps. */
function mayPassSoon(error: unknown, nested: boolean): boolean {
  if (nested && errorCodeOf(error) === BUSY_SNAPSHOT) return false;
  return sqliteErrors.isTransient(error);
}
