import type { Statement, StatementResult } from '../connections/internal.connection.js';
import { SqlSearchStore } from '../search/sql.search-store.js';
import { inTwoSeconds } from './mysql.reads.js';

/** Finds jobs in MySQL or MariaDB. */
export class MysqlSearchStore extends SqlSearchStore {
  protected override read({ sql, params }: Statement): Promise<StatementResult> {
    return this.connection.query(inTwoSeconds(sql), params);
  }
}
