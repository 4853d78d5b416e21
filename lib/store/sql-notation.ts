import type { JobStatus } from '../core/jobs/job-info.js';
import { fragment, RawSql, type Fragment, type SqlTemplate } from './sql-template.js';

/**
 * How one database writes times, lists and the like, for statements that are the same otherwise.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class SqlNotation {
  abstract readonly sql: SqlTemplate;
  /** The current time. */
  abstract get now(): RawSql | number;
  /** A number of milliseconds, to be added to a time or subtracted from it. */
  abstract duration(milliseconds: number): Fragment;
  abstract timeOf(date: Date): Fragment;
  /** A time in epoch milliseconds. */
  abstract epochOf(time: RawSql | number): Fragment;
  /** Whether the value of a column is one of `values`. */
  abstract among(column: string, values: readonly string[]): Fragment;

  /** The same for a column of names, of which none ends with a space. */
  amongNames(column: string, names: readonly string[]): Fragment {
    return this.among(column, names);
  }

  /** Whether a job has one of these statuses, in a form that finds the index of failed jobs. */
  hasStatus(statuses: readonly JobStatus[]): RawSql {
    if (statuses.length === 0) return new RawSql('FALSE');
    const literals = statuses.map((status) => `'${status}'`);
    return new RawSql(
      literals.length === 1 ? `status = ${literals[0]!}` : `status IN (${literals.join(', ')})`,
    );
  }

  /** The id that this session has generated last. */
  abstract readonly lastId: RawSql;

  /** A column whose name is a word of the language in some servers. */
  quoted(name: string): RawSql {
    return new RawSql(`"${name}"`);
  }

  column(name: string): RawSql {
    return new RawSql(name);
  }

  /** A number of rows, where a plan has to know it. */
  rows(count: number): RawSql | number {
    return count;
  }

  /** Joins rows to few others, by their key. */
  readonly join = new RawSql('JOIN');

  /** A text where nothing else tells its type. */
  text(value: string | null): Fragment {
    return fragment`${value}`;
  }

  /** Whether a text has a part, exactly as it is written. */
  abstract contains(column: string, part: string): Fragment;

  /** The size of a text as it is stored, which reads the text only where it must. */
  bytesOf(column: string): RawSql {
    return new RawSql(`octet_length(${column})`);
  }
}
