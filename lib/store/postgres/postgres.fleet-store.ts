import type { Statement } from '../connections/internal.connection.js';
import { COUNTED_COLUMNS, FleetStatements } from '../fleet/fleet-statements.js';
import type { CountedRow } from '../fleet/fleet-store.js';
import { SqlFleetStore, type StatementSequence } from '../fleet/sql.fleet-store.js';
import { numberedSql as sql } from '../sql-template.js';
import { PostgresNotation } from './postgres.notation.js';
import { FOR_READS } from './postgres.reads.js';

class PostgresFleetStatements extends FleetStatements {
  override write(rows: readonly CountedRow[]): Statement[] {
    const all = (column: keyof CountedRow): unknown[] => rows.map((row) => row[column]);
    if (rows.length === 0) return [];
    const write = sql`
      INSERT INTO ${this.stats} (${COUNTED_COLUMNS})
      SELECT to_timestamp(n.bucket / 1000), n.step, n.process, n.succeeded, n.failed, n.gave_up, n.jobs_succeeded,
             n.run_ms, n.wait_ms, n.run_hist, n.wait_hist
        FROM unnest(${all('bucket')}::float8[], ${all('step')}::text[], ${all('process')}::text[],
                    ${all('succeeded')}::bigint[], ${all('failed')}::bigint[], ${all('gaveUp')}::bigint[],
                    ${all('jobsSucceeded')}::bigint[], ${all('runMs')}::float8[], ${all('waitMs')}::float8[],
                    ${all('runBins')}::text[], ${all('waitBins')}::text[])
          AS n(bucket, step, process, succeeded, failed, gave_up, jobs_succeeded, run_ms, wait_ms, run_hist, wait_hist)
          ON CONFLICT (bucket, step, process) DO UPDATE
         SET succeeded = EXCLUDED.succeeded, failed = EXCLUDED.failed, gave_up = EXCLUDED.gave_up,
             jobs_succeeded = EXCLUDED.jobs_succeeded, run_ms = EXCLUDED.run_ms, wait_ms = EXCLUDED.wait_ms,
             run_hist = EXCLUDED.run_hist, wait_hist = EXCLUDED.wait_hist`;
    return [write];
  }

  /** The transaction around it has the limit. */
  override bounded(statement: Statement): Statement {
    return statement;
  }
}

/** What is known of the processes, in PostgreSQL. */
export class PostgresFleetStore extends SqlFleetStore {
  private built: PostgresFleetStatements | undefined;

  protected override get statements(): PostgresFleetStatements {
    return (this.built ??= new PostgresFleetStatements(this.dialect.tables, new PostgresNotation()));
  }

  protected override read(statements: readonly Statement[]): Promise<Record<string, unknown>[][]> {
    return this.connection.transaction(async (run) => {
      await run(FOR_READS);
      const rows: Record<string, unknown>[][] = [];
      for (const { sql: text, params } of statements) rows.push((await run(text, params)).rows);
      return rows;
    });
  }

  protected override alone<T>(sequence: () => StatementSequence<T>): Promise<T | undefined> {
    return this.connection.transaction(async (run) => {
      const lock = 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked';
      const { rows } = await run(lock, [`${this.dialect.tables.stats} roll-up`]);
      const [{ locked }] = rows as [{ readonly locked: unknown }];
      if (locked !== true && locked !== 't') return undefined;
      const statements = sequence();
      let step = statements.next();
      while (!step.done) step = statements.next(await run(step.value.sql, step.value.params));
      return step.value;
    });
  }
}
