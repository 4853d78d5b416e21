import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { SqlSearchStore } from '../search/sql.search-store.js';

/** Finds jobs in SQLite, which cannot end a statement while it runs: rows alone are bounded. */
export class SqliteSearchStore extends SqlSearchStore {
  /** The event loop stands still while a statement runs. */
  override readonly rows = 2_500;

  protected override read({ sql, params }: Statement): Promise<StatementResult> {
    return this.connection.query(sql, params);
  }
}
