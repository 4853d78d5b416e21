import type { Statement } from '../connections/internal.connection.js';
import { COUNTED_COLUMNS, countedValues, FleetStatements } from '../fleet/fleet-statements.js';
import type { CountedRow } from '../fleet/fleet-store.js';
import { SqlFleetStore, type StatementSequence } from '../fleet/sql.fleet-store.js';
import { questionMarkSql as sql } from '../sql-template.js';
import type { SqliteConnection } from './sqlite.connection.js';
import { SqliteNotation } from './sqlite.notation.js';

class SqliteFleetStatements extends FleetStatements {
  /** The event loop stands still while a statement runs. */
  override readonly limit = 2_500;

  override write(rows: readonly CountedRow[]): Statement[] {
    return rows.map(
      (row) => sql`
        INSERT INTO ${this.stats} (${COUNTED_COLUMNS})
        VALUES (${[row.bucket, ...countedValues(row)]})
            ON CONFLICT (bucket, step, process) DO UPDATE
           SET succeeded = excluded.succeeded, failed = excluded.failed, gave_up = excluded.gave_up,
               jobs_succeeded = excluded.jobs_succeeded, run_ms = excluded.run_ms, wait_ms = excluded.wait_ms,
               run_hist = excluded.run_hist, wait_hist = excluded.wait_hist`,
    );
  }

  /** SQLite cannot end a statement while it runs: rows alone are bounded. */
  override bounded(statement: Statement): Statement {
    return statement;
  }
}

/** What is known of the processes, in SQLite. */
export class SqliteFleetStore extends SqlFleetStore {
  declare protected readonly connection: SqliteConnection;
  private built: SqliteFleetStatements | undefined;

  protected override get statements(): SqliteFleetStatements {
    const notation = () => new SqliteNotation(this.connection.now);
    return (this.built ??= new SqliteFleetStatements(this.dialect.tables, notation()));
  }

  /** One after the other, so that the event loop runs in between. */
  protected override async read(statements: readonly Statement[]): Promise<Record<string, unknown>[][]> {
    const rows: Record<string, unknown>[][] = [];
    for (const { sql: text, params } of statements)
      rows.push((await this.connection.query(text, params)).rows);
    return rows;
  }

  /** A transaction takes one tick, and the lock of the file. */
  protected override alone<T>(sequence: () => StatementSequence<T>): Promise<T | undefined> {
    return this.connection.immediate((run) => {
      const statements = sequence();
      let step = statements.next();
      while (!step.done) step = statements.next(run(step.value.sql, step.value.params));
      return step.value;
    });
  }
}
