import { SqlNotation } from '../sql-notation.js';
import { fragment, questionMarkSql, RawSql, type Fragment } from '../sql-template.js';

/** How SQLite writes times and lists. Times are epoch milliseconds of the host's clock. */
export class SqliteNotation extends SqlNotation {
  override readonly sql = questionMarkSql;
  /** In this order: without statistics, it would go through the large table, and look the few rows up. */
  override readonly join = new RawSql('CROSS JOIN');
  override readonly lastId = new RawSql('last_insert_rowid()');

  constructor(private readonly clock: () => number) {
    super();
  }

  override get now(): number {
    return this.clock();
  }

  override bytesOf(column: string): RawSql {
    return new RawSql(`length(CAST(${column} AS BLOB))`);
  }

  override duration(milliseconds: number): Fragment {
    return fragment`${milliseconds}`;
  }

  override timeOf(date: Date): Fragment {
    return fragment`${date.getTime()}`;
  }

  override epochOf(time: RawSql | number): Fragment {
    return fragment`${time}`;
  }

  override contains(column: string, part: string): Fragment {
    return fragment`instr(${new RawSql(column)}, ${part}) > 0`;
  }

  override among(column: string, values: readonly string[]): Fragment {
    return fragment`${new RawSql(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
  }
}
