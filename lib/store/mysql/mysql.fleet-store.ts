import { createHash } from 'node:crypto';
import type { Statement } from '../connections/internal.connection.js';
import { COUNTED_COLUMNS, countedValues, FleetStatements } from '../fleet/fleet-statements.js';
import type { CountedRow } from '../fleet/fleet-store.js';
import { SqlFleetStore, type StatementSequence } from '../fleet/sql.fleet-store.js';
import { fragment, questionMarkSql as sql, RawSql } from '../sql-template.js';
import { MysqlNotation } from './mysql.notation.js';
import { inTwoSeconds } from './mysql.reads.js';

/** Well below the packet sizes that servers accept by default. */
const ROWS = 500;

class MysqlFleetStatements extends FleetStatements {
  /** The lock by name is given back before the COMMIT. */
  protected override readonly lock = new RawSql('FOR UPDATE');

  override write(rows: readonly CountedRow[]): Statement[] {
    const statements: Statement[] = [];
    for (let from = 0; from < rows.length; from += ROWS) {
      const values = rows
        .slice(from, from + ROWS)
        .map((row) => fragment`(${this.time(row.bucket)}, ${countedValues(row)})`);
      statements.push(sql`
        INSERT INTO ${this.stats} (${COUNTED_COLUMNS})
        VALUES ${values.reduce((all, row) => fragment`${all}, ${row}`)}
            ON DUPLICATE KEY UPDATE
               succeeded = VALUES(succeeded), failed = VALUES(failed), gave_up = VALUES(gave_up),
               jobs_succeeded = VALUES(jobs_succeeded), run_ms = VALUES(run_ms), wait_ms = VALUES(wait_ms),
               run_hist = VALUES(run_hist), wait_hist = VALUES(wait_hist)`);
    }
    return statements;
  }

  override bounded({ sql: text, params }: Statement): Statement {
    return { sql: inTwoSeconds(text), params };
  }
}

/** What is known of the processes, in MySQL or MariaDB. */
export class MysqlFleetStore extends SqlFleetStore {
  private built: MysqlFleetStatements | undefined;

  protected override get statements(): MysqlFleetStatements {
    return (this.built ??= new MysqlFleetStatements(this.dialect.tables, new MysqlNotation()));
  }

  protected override async read(statements: readonly Statement[]): Promise<Record<string, unknown>[][]> {
    const rows: Record<string, unknown>[][] = [];
    for (const { sql: text, params } of statements)
      rows.push((await this.connection.query(text, params)).rows);
    return rows;
  }

  /** The lock is one of the session: it ends with the connection, whatever happens to that. */
  protected override alone<T>(sequence: () => StatementSequence<T>): Promise<T | undefined> {
    const lock = createHash('sha256').update(this.dialect.tables.stats).digest('hex').slice(0, 40);
    return this.connection.transaction(async (run) => {
      const { rows } = await run('SELECT GET_LOCK(?, 0) AS locked', [`stepping ${lock}`]);
      if (Number((rows as { locked: unknown }[])[0]?.locked) !== 1) return undefined;
      try {
        const statements = sequence();
        let step = statements.next();
        while (!step.done) step = statements.next(await run(step.value.sql, step.value.params));
        return step.value;
      } finally {
        await run('SELECT RELEASE_LOCK(?)', [`stepping ${lock}`]);
      }
    });
  }
}
