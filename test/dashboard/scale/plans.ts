import { expect } from 'vitest';
import type { TestDatabase } from '../../support/database.js';
import type { LoggedStatement } from '../../support/statement-log.js';

/** A node of a plan as PostgreSQL writes it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

/** A SELECT on the library's tables, and the settings of its transaction. */
export interface SentRead {
  readonly sql: string;
  readonly params: readonly unknown[];
  /** The statement that has set a time-out for the transaction. */
  readonly settings: string | undefined;
}

/** What was read, each with the settings that it was sent under. */
export function readsOf(statements: readonly LoggedStatement[]): SentRead[] {
  const settings = new Map<object, string>();
  const reads: SentRead[] = [];
  for (const { connection, sql, params } of statements) {
    if (/^\s*SELECT set_config\('statement_timeout'/.test(sql)) settings.set(connection, sql);
    else if (/^(COMMIT|ROLLBACK)/.test(sql)) settings.delete(connection);
    else if (/^\s*(WITH|SELECT)\b/.test(sql) && sql.includes('stepping_') && !/FOR UPDATE/.test(sql))
      reads.push({ sql, params, settings: settings.get(connection) });
  }
  return reads;
}

/** How many pages a statement reads under a plan of this kind. None may go through the table of the jobs. */
export async function pagesOf(
  database: TestDatabase,
  { sql, params, settings }: SentRead,
  mode: 'force_custom_plan' | 'force_generic_plan',
): Promise<number> {
  await database.query('BEGIN');
  if (settings !== undefined) await database.query(settings);
  await database.query(`SET LOCAL plan_cache_mode = ${mode}`);
  await database.query(`PREPARE looked_at AS ${sql}`);
  try {
    const values = params.map(literal).join();
    const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE looked_at ${values === '' ? '' : `(${values})`}`,
    );
    const plan = row!['QUERY PLAN'][0].Plan;
    const scans = flat(plan).filter((node) => node['Relation Name'] === 'stepping_jobs');
    for (const node of scans)
      expect(node['Node Type'], `${mode}\n${sql}\n${JSON.stringify(plan, null, 1)}`).toMatch(
        /^(Index|Bitmap)/,
      );
    return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
  } finally {
    await database.query('DEALLOCATE looked_at');
    await database.query('ROLLBACK');
  }
}

function literal(value: unknown): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `ARRAY[${value.map(literal).join()}]::text[]`;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.replaceAll("'", "''")}'`;
}

function flat(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)];
}
