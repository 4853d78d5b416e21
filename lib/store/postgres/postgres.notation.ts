import { SqlNotation } from '../sql-notation.js';
import { fragment, numberedSql, RawSql, type Fragment } from '../sql-template.js';

/** How PostgreSQL writes times and lists. */
export class PostgresNotation extends SqlNotation {
  override readonly sql = numberedSql;
  override readonly now = new RawSql('clock_timestamp()');

  override readonly lastId = new RawSql('lastval()');

  /** In the text: as a parameter, it is taken for a tenth of the table. */
  override rows(count: number): RawSql {
    return new RawSql(String(count));
  }

  override text(value: string | null): Fragment {
    return fragment`${value}::text`;
  }

  override duration(milliseconds: number): Fragment {
    return fragment`${milliseconds}::float8 * interval '1 millisecond'`;
  }

  override timeOf(date: Date): Fragment {
    return fragment`to_timestamp(${date.getTime()}::float8 / 1000)`;
  }

  /** Somebody may have set a time to infinity, which is no number; the ends of the years with four digits stand for it. */
  override epochOf(time: RawSql): Fragment {
    return fragment`CASE ${time} WHEN 'infinity' THEN 253402300799999 WHEN '-infinity' THEN -62135596800000
                    ELSE floor(extract(epoch FROM ${time}) * 1000)::bigint END`;
  }

  override contains(column: string, part: string): Fragment {
    return fragment`strpos(${new RawSql(column)}, ${part}) > 0`;
  }

  override among(column: string, values: readonly string[]): Fragment {
    return fragment`${new RawSql(column)} = ANY (${values}::text[])`;
  }
}
