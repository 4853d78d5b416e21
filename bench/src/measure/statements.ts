import type { OwnPostgres } from '../server/own-postgres.ts';
import { UNCOUNTED } from '../server/watch.ts';

/** The server's own check of the referenced row. No client sends it. */
const FOREIGN_KEY_CHECK = /^SELECT \S+ FROM ONLY .* FOR KEY SHARE OF x$/;

export interface StatementUse {
  /** All but BEGIN and COMMIT. */
  readonly statements: number;
  /** BEGIN and COMMIT together. */
  readonly brackets: number;
  /** The most frequent statements. */
  readonly top: readonly { readonly sql: string; readonly calls: number; readonly milliseconds: number }[];
}

/** Resets the counters of this database. */
export async function resetStatements(postgres: OwnPostgres, database: string): Promise<void> {
  await postgres.withClient((client) =>
    client.query(`SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = $1`, [
      database,
    ]),
  );
}

export async function statementUse(
  postgres: OwnPostgres,
  databases: readonly string[],
): Promise<StatementUse> {
  const { rows } = await postgres.withClient((client) =>
    client.query<{ query: string; calls: string; total_exec_time: number }>(
      `SELECT s.query, s.calls, s.total_exec_time
         FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
        WHERE d.datname = ANY ($1)
        ORDER BY s.calls DESC`,
      [databases],
    ),
  );
  let statements = 0;
  let brackets = 0;
  const top = [];
  for (const { query, calls, total_exec_time } of rows) {
    if (query.includes(UNCOUNTED) || FOREIGN_KEY_CHECK.test(query)) continue;
    if (/^\s*(BEGIN|START TRANSACTION|COMMIT|ROLLBACK)/i.test(query)) brackets += Number(calls);
    else {
      statements += Number(calls);
      top.push({
        sql: query.replace(/\s+/g, ' ').trim().slice(0, 120),
        calls: Number(calls),
        milliseconds: Math.round(total_exec_time),
      });
    }
  }
  return { statements, brackets, top: top.slice(0, 8) };
}
