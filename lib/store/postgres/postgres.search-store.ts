import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { SqlSearchStore } from '../search/sql.search-store.js';
import { FOR_READS } from './postgres.reads.js';

/** Finds jobs in PostgreSQL. */
export class PostgresSearchStore extends SqlSearchStore {
  protected override read({ sql, params }: Statement): Promise<StatementResult> {
    return this.connection.transaction(async (run) => {
      await run(FOR_READS);
      return run(sql, params);
    });
  }
}
