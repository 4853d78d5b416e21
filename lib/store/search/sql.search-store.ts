import type { InternalConnection, Statement, StatementResult } from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import { orUnavailable } from '../driver-errors.js';
import type { JobConditions } from '../job-store.js';
import { RawSql } from '../sql-template.js';
import type { SqlJobStore } from '../sql.job-store.js';
import { SearchStatements } from './search-statements.js';
import {
  SEARCHED_JOBS,
  SearchStore,
  type FoundJobs,
  type SearchedIndex,
  type TalliedJobs,
} from './search-store.js';

/** As drivers return them: numbers may be texts. */
interface FoundRow {
  readonly along: SearchedIndex;
  readonly gid: string;
  readonly met: unknown;
  /** The last gid that was looked at, where the search has stopped there. */
  readonly lowest: string | null;
}

interface TalliedRow {
  readonly along: SearchedIndex;
  readonly found: unknown;
  readonly looked: unknown;
}

/** Finds jobs in a table. The subclasses say how a read is bounded in time. */
export abstract class SqlSearchStore extends SearchStore {
  override readonly rows: number = SEARCHED_JOBS;
  private built: SearchStatements | undefined;

  constructor(
    protected readonly connection: InternalConnection,
    protected readonly dialect: Dialect,
    /** Of the same table. */
    private readonly store: SqlJobStore,
  ) {
    super();
  }

  /** Runs a SELECT that the database ends by itself when it takes too long, where it can be told so. */
  protected abstract read(statement: Statement): Promise<StatementResult>;

  override async look(
    indexes: readonly SearchedIndex[],
    conditions: JobConditions,
    limit: number,
    rows = this.rows,
  ): Promise<FoundJobs[]> {
    const look = this.statements.look(indexes, this.written(conditions), limit, rows);
    const found: FoundRow[] = await this.reads(look);
    return indexes.map((index) => {
      const along = found.filter((row) => row.along === index);
      const gids = along.filter(({ met }) => Number(met) === 1).map(({ gid }) => gid);
      return { gids: gids.toSorted(descending), end: along[0]?.lowest ?? null };
    });
  }

  override async tally(indexes: readonly SearchedIndex[], conditions: JobConditions): Promise<TalliedJobs[]> {
    const tallied: TalliedRow[] = await this.reads(this.statements.tally(indexes, this.written(conditions)));
    return indexes.map((index) => {
      const row = tallied.find(({ along }) => along === index)!;
      return { count: Number(row.found ?? 0), complete: Number(row.looked) < this.rows };
    });
  }

  override async count(index: 'all' | 'failed', limit: number): Promise<number> {
    const rows: { readonly found: unknown }[] = await this.reads(this.statements.count(index, limit));
    return Number(rows[0]!.found);
  }

  /** Known once the store of the jobs is initialized. */
  private get statements(): SearchStatements {
    const { dialect, connection, store, rows } = this;
    return (this.built ??= new SearchStatements(
      new RawSql(dialect.tables.jobs),
      dialect.notation(connection),
      store.statements,
      rows,
    ));
  }

  private written(conditions: JobConditions): JobConditions {
    return this.dialect.text.ofQuery(conditions);
  }

  private async reads<Row>(statement: Statement): Promise<Row[]> {
    const read = () => this.read(statement);
    return (await orUnavailable('The database of the jobs', this.dialect, read)).rows as Row[];
  }
}

function descending(left: string, right: string): number {
  return left < right ? 1 : -1;
}
