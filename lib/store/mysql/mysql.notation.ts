import type { JobStatus } from '../../core/jobs/job-info.js';
import { SqlNotation } from '../sql-notation.js';
import { fragment, questionMarkSql, RawSql, type Fragment } from '../sql-template.js';
import { microseconds, NO_SPACE_AT_END } from './mysql.values.js';

const EPOCH = new RawSql(`TIMESTAMP'1970-01-01 00:00:00'`);

/** How MySQL and MariaDB write times and lists. */
export class MysqlNotation extends SqlNotation {
  override readonly sql = questionMarkSql;
  override readonly now = new RawSql('UTC_TIMESTAMP(6)');

  override duration(milliseconds: number): Fragment {
    return fragment`INTERVAL ${microseconds(milliseconds)} MICROSECOND`;
  }

  override quoted(name: string): RawSql {
    return new RawSql(`\`${name}\``);
  }

  override readonly lastId = new RawSql('LAST_INSERT_ID()');

  /** FROM_UNIXTIME would follow the session's time zone. */
  override timeOf(date: Date): Fragment {
    return fragment`TIMESTAMPADD(MICROSECOND, ${microseconds(date.getTime())}, ${EPOCH})`;
  }

  override epochOf(time: RawSql): Fragment {
    return fragment`TIMESTAMPDIFF(MICROSECOND, ${EPOCH}, ${time}) / 1000`;
  }

  override contains(column: string, part: string): Fragment {
    return fragment`LOCATE(${part}, ${new RawSql(column)}) > 0`;
  }

  override among(column: string, values: readonly string[]): Fragment {
    return values.length === 0 ? fragment`FALSE` : fragment`${new RawSql(column)} IN (${values})`;
  }

  override hasStatus(statuses: readonly JobStatus[]): RawSql {
    return statuses.length === 1 && statuses[0] === 'failed'
      ? new RawSql('failed = 1')
      : super.hasStatus(statuses);
  }

  override amongNames(column: string, names: readonly string[]): Fragment {
    return fragment`(${this.among(column, names)} AND ${new RawSql(column)} ${NO_SPACE_AT_END})`;
  }
}
