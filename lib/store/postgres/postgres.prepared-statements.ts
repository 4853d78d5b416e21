import { createHash } from 'node:crypto';
import { dataSourceOf, type QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { runOn, type StatementResult } from '../connections/internal.connection.js';

/** No such prepared statement, another one of that name, a plan that no longer fits the tables. */
const LOST = new Set(['26000', '42P05', '0A000']);

interface PostgresResult {
  readonly rows?: unknown[];
  readonly rowCount?: number | null;
}

interface PostgresClient {
  query(
    config: { readonly name: string; readonly text: string; readonly values: unknown[] },
    callback: (error: Error | null, result: PostgresResult) => void,
  ): void;
}

/**
 * Statements that PostgreSQL parses and plans once for each connection. For the update of a batch of jobs, that is half
 * of its work.
 *
 * A pooler that gives every transaction another connection loses them, and so does `DISCARD ALL`. The server then
 * refuses the statement before it does anything. It is sent again as a plain one, and so are all later ones, since it
 * would happen again. Not for statements inside a transaction: that error would end it.
 *
 * TypeORM cannot prepare, so these go to the driver's client, and to TypeORM's log.
 */
export class PreparedStatements {
  private readonly names = new Map<string, string>();
  private lost = false;

  /** The statement must be one of a few fixed texts. */
  async run(runner: QueryRunnerLike, sql: string, params: readonly unknown[]): Promise<StatementResult> {
    if (this.lost) return runOn(runner, sql, params);
    const client = (await runner.connect()) as PostgresClient;
    const values = [...params];
    const { logger } = dataSourceOf(runner);
    logger?.logQuery(sql, values, runner);
    try {
      const { rows, rowCount } = await this.send(client, sql, values);
      return { rows: rows ?? [], affected: rowCount ?? 0 };
    } catch (error) {
      if (LOST.has(String((error as { code?: unknown }).code))) {
        this.lost = true;
        return runOn(runner, sql, params);
      }
      logger?.logQueryError?.(error as Error, sql, values, runner);
      throw error;
    }
  }

  /** With a callback: the promises of `pg` keep each statement and its rows reachable from the next (`runOn()`). */
  private send(client: PostgresClient, sql: string, values: unknown[]): Promise<PostgresResult> {
    return new Promise((resolve, reject) => {
      client.query({ name: this.nameOf(sql), text: sql, values }, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
    });
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
