import type { Statement } from '../connections/internal.connection.js';
import type { JobConditions } from '../job-store.js';
import type { JobStatements } from '../job-statements.js';
import type { SqlNotation } from '../sql-notation.js';
import { fragment, RawSql, type Fragment } from '../sql-template.js';
import { conditionsAlong, type SearchedIndex } from './search-store.js';

/**
 * The statements that look for jobs. Bounds are in the text, so that every plan knows them; what is looked at is cut off before
 * anything else is asked of it, so that no plan can look further.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class SearchStatements {
  constructor(
    private readonly jobs: RawSql,
    private readonly notation: SqlNotation,
    /** Of the same table. */
    private readonly statements: JobStatements,
    private readonly rows: number,
  ) {}

  /**
   * Answers with a `FoundRow` for each job that was found, and with another one where there were fewer than `limit`. The last job that is looked
   * at is asked for apart: MariaDB takes seconds for the minimum of a window, and a join may count again for every row.
   */
  look(indexes: readonly SearchedIndex[], conditions: JobConditions, limit: number, rows: number): Statement {
    return this.along(indexes, (index) => {
      const looked = index === 'open' ? this.rows : rows;
      return fragment`
        SELECT ${along(index)} AS "along", gid, met,
               (SELECT gid ${this.entries(index, conditions)} LIMIT 1 OFFSET ${new RawSql(String(looked - 1))}) AS lowest
          FROM (SELECT ${this.met(index, conditions)} ${this.entries(index, conditions)} LIMIT ${new RawSql(String(looked))}) AS entries
         ORDER BY met DESC, gid DESC
         LIMIT ${limit}`;
    });
  }

  /** Answers with a `TalliedRow` for each index. */
  tally(indexes: readonly SearchedIndex[], conditions: JobConditions): Statement {
    return this.along(
      indexes,
      (index) => fragment`
        SELECT ${along(index)} AS "along", SUM(met) AS found, COUNT(*) AS looked
          FROM (SELECT ${this.met(index, conditions)} ${this.entries(index, conditions)}
                 LIMIT ${new RawSql(String(this.rows))}) AS entries`,
    );
  }

  /** In the order of an index, which no plan can then do without. */
  count(index: 'all' | 'failed', limit: number): Statement {
    return this.notation.sql`
      SELECT COUNT(*) AS found
        FROM (SELECT gid FROM ${this.jobs} WHERE ${this.placeIn(index, {})} ORDER BY gid DESC LIMIT ${limit}) AS counted`;
  }

  private along(indexes: readonly SearchedIndex[], part: (index: SearchedIndex) => Fragment): Statement {
    const parts = indexes.map(
      (index) => fragment`SELECT * FROM (${part(index)}) AS ${new RawSql(`of_${index}`)}`,
    );
    return this.notation.sql`${parts.reduce((all, one) => fragment`${all} UNION ALL ${one}`)}`;
  }

  /** What a search looks at, from the first one on. */
  private entries(index: SearchedIndex, { before }: JobConditions): Fragment {
    return fragment`
        FROM ${this.jobs}
       WHERE ${this.placeIn(index, before === undefined ? {} : { before })}
       ORDER BY ${new RawSql(index === 'open' ? 'due_at' : 'gid DESC')}`;
  }

  private met(index: SearchedIndex, conditions: JobConditions): Fragment {
    const met = this.statements.meets(conditionsAlong(index, conditions));
    return fragment`gid, CASE WHEN ${met} THEN 1 ELSE 0 END AS met`;
  }

  private placeIn(index: SearchedIndex, place: JobConditions): Fragment {
    if (index === 'open') return fragment`due_at IS NOT NULL`;
    return this.statements.meets(index === 'failed' ? { status: ['failed'], ...place } : place);
  }
}

function along(index: SearchedIndex): RawSql {
  return new RawSql(`'${index}'`);
}
