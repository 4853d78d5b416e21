import { createHash } from 'node:crypto';
import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { withoutData } from '../../errors/data-in-errors.js';
import type { StatementResult } from '../connections/internal.connection.js';
import { logFailedStatement, logStatement } from '../connections/statement-log.js';
import { queryClient, type PostgresClient } from './postgres.clients.js';

/** No such prepared statement, another one of that name, a plan that no longer fits the tables. */
const LOST = new Set(['26000', '42P05', '0A000']);

/**
 * Statements that PostgreSQL parses and plans once for each connection. For the update of a batch of jobs, that is half
 * of its work.
 *
 * A pooler that gives every transaction another connection loses them, and so does `DISCARD ALL`. The server then
 * refuses the statement before it does anything. It is sent again as a plain one, and so are all later ones, since it
 * would happen again. Not for statements inside a transaction: that error would end it.
 *
 * TypeORM can neither prepare nor choose how values are read, so statements go to the driver's client, and to TypeORM's log.
 */
export class PreparedStatements {
  private readonly names = new Map<string, string>();
  private lost = false;

  /** What is `prepared` must be one of a few fixed texts. */
  async run(
    runner: QueryRunnerLike,
    sql: string,
    params: readonly unknown[],
    prepared: boolean,
  ): Promise<StatementResult> {
    const client = (await runner.connect()) as PostgresClient;
    const values = [...params];
    const name = prepared && !this.lost ? this.nameOf(sql) : undefined;
    logStatement(runner, sql, values);
    try {
      return await queryClient(client, sql, values, name);
    } catch (error) {
      if (name !== undefined && LOST.has(String((error as { code?: unknown }).code))) {
        this.lost = true;
        return this.run(runner, sql, params, false);
      }
      logFailedStatement(runner, error, sql, values);
      throw withoutData(error, values);
    }
  }

  private nameOf(sql: string): string {
    let name = this.names.get(sql);
    if (name === undefined) {
      name = statementName('stepping', sql);
      this.names.set(sql, name);
    }
    return name;
  }
}

/** The name under which a statement is prepared. The same text has the same name. */
export function statementName(prefix: string, sql: string): string {
  return `${prefix}_${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`;
}
