import { afterAll, beforeAll, expect, it } from 'vitest';
import type { InternalConnection } from '../../../../lib/store/connections/internal.connection.js';
import { fleetStoreFor } from '../../../../lib/store/databases.js';
import { COUNT_LIMIT, type FleetStore } from '../../../../lib/store/fleet/fleet-store.js';
import { openStore, type OpenDataSource } from '../../../contract/support.js';
import {
  type TestDatabase,
  createDatabase,
  describeBackends,
  exceptOnTidb,
  itOn,
} from '../../../support/database.js';
import { fillTable, type TableSize } from './large-table.js';

/** More of each kind than is counted, and enough others that a scan of all would show. */
const SIZE: TableSize = { succeeded: 150_000, failed: 12_000, due: 12_000, later: 12_000 };
/** The same below those gids: such as the library makes them, and others that are less. */
const OTHER_GIDS = ['01990000-0000-7', '.'];
const OTHER_SIZE: TableSize = { succeeded: 60_000, failed: 3_000, due: 0, later: 0 };
const PAGES_OF_A_SNAPSHOT = 15_000;
/** The database ends a read after two seconds. */
const READ_LIMIT_MS = 2_000;
const MARGIN_MS = 10_000;
const DAY = 24 * 3_600_000;

interface Sent {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** A node of a plan as PostgreSQL writes it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

describeBackends('reads of the fleet, beside a large table', (backend) => {
  let database: TestDatabase;
  let open: OpenDataSource;
  let fleet: FleetStore;
  const sent: Sent[] = [];

  beforeAll(async () => {
    database = await createDatabase(backend);
    open = await openStore(database);
    await fillTable(database, SIZE);
    for (const prefix of OTHER_GIDS) await fillTable(database, OTHER_SIZE, prefix);
    fleet = fleetStoreFor(open.dialect, noting(open.connection));
  });
  afterAll(async () => {
    await open?.close();
    await database?.drop();
  });

  /** What is sent through it is kept. */
  function noting(connection: InternalConnection): InternalConnection {
    return new Proxy(connection, {
      get(target, property) {
        if (property === 'query')
          return (sql: string, params: unknown[] = []) => {
            sent.push({ sql, params });
            return target.query(sql, params);
          };
        if (property === 'transaction')
          return (work: (run: InternalConnection['query']) => Promise<unknown>) =>
            target.transaction((run) =>
              work((sql, params = []) => {
                sent.push({ sql, params });
                return run(sql, params);
              }),
            );
        return Reflect.get(target, property) as unknown;
      },
    });
  }

  async function read(): Promise<Sent[]> {
    sent.length = 0;
    await fleet.jobs();
    expect(await fleet.failures(1000)).toHaveLength(1000);
    await fleet.processes(DAY);
    const now = Date.now();
    await fleet.countedBySteps({ from: now - 3_600_000, to: now });
    await fleet.countedByTime({ from: now - 3_600_000, to: now, step: 'first' });
    await fleet.bins({ from: now - 3_600_000, to: now });
    return sent.filter(({ sql }) => /SELECT/.test(sql) && /stepping_/.test(sql));
  }

  it('count up to their limit and no further', async () => {
    const counts = await fleet.jobs();
    const { limit } = counts;
    expect(limit).toBe(backend === 'sqlite' ? 2_500 : COUNT_LIMIT);
    expect(counts).toMatchObject({ moreDue: true, moreLater: true, failed: limit, moreFailed: true });
    const sum = (groups: readonly { readonly jobs: number }[]) =>
      groups.reduce((total, { jobs }) => total + jobs, 0);
    expect([sum(counts.due), sum(counts.later)]).toEqual([limit + 1, limit + 1]);
  });

  itOn(backend, 'postgres')('find their rows by an index under every plan', async () => {
    for (const analyzed of [false, true]) {
      if (analyzed) await database.query('ANALYZE');
      for (const mode of ['force_custom_plan', 'force_generic_plan']) {
        let pages = 0;
        for (const statement of await read()) {
          const plan = await planOf(statement, mode);
          const nodes = flat(plan);
          const shown = `${analyzed} ${mode}\n${statement.sql}\n${JSON.stringify(plan, null, 1)}`;
          const ofJobs = nodes.filter((node) => node['Relation Name'] === 'stepping_jobs');
          for (const node of ofJobs)
            expect(node['Index Name'], shown).toMatch(/^stepping_jobs_(due_at|failed)$/);
          for (const node of nodes) expect(node['Actual Rows'], shown).toBeLessThanOrEqual(COUNT_LIMIT + 1);
          pages += plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
        }
        expect(pages).toBeGreaterThan(100);
        expect(pages).toBeLessThan(PAGES_OF_A_SNAPSHOT);
        console.log(`${mode}, ${analyzed ? 'with' : 'without'} statistics: ${pages} pages`);
      }
    }
  });

  exceptOnTidb('it tells its plans otherwise', itOn(backend, 'mariadb'))(
    'find their rows by an index',
    async () => {
      const statements = (await read()).filter(({ sql }) => sql.includes('stepping_jobs'));
      expect(statements).toHaveLength(4);
      for (const { sql, params } of statements) {
        expect(sql).toMatch(/SET STATEMENT max_statement_time.*MAX_EXECUTION_TIME/);
        const rows = await database.query<Record<string, string | null>>(
          `EXPLAIN ${sql.replace(/^.*?SELECT/s, 'SELECT')}`,
          params,
        );
        const ofJobs = rows.filter(({ table }) => table === 'stepping_jobs');
        expect(ofJobs.length, JSON.stringify(rows)).toBeGreaterThan(0);
        for (const { type, key } of ofJobs) {
          expect(['range', 'ref', 'index'], `${sql}\n${JSON.stringify(rows)}`).toContain(type);
          expect(key).toMatch(/stepping_jobs_(due_at|failed)/);
        }
        if (sql.includes('UNION'))
          expect(ofJobs.map(({ type }) => type)).toEqual(['range', 'range', 'range']);
      }
    },
  );

  itOn(backend, 'sqlite')('find their rows by an index', async () => {
    for (const { sql, params } of await read()) {
      const rows = await database.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, params);
      const details = rows.map(({ detail }) => detail);
      const ofJobs = details.filter((detail) => detail.includes('stepping_jobs'));
      for (const detail of ofJobs)
        expect(detail, sql).toMatch(/USING (COVERING )?INDEX stepping_jobs_(due_at|failed)/);
      const inParts = sql.includes('UNION');
      if (inParts) for (const detail of ofJobs) expect(detail).toMatch(/\(gid[<>]/);
      if (sql.includes('stepping_jobs')) expect(ofJobs).toHaveLength(inParts ? 3 : 1);
    }
  });

  exceptOnTidb('it locks no tables', itOn(backend, 'postgres', 'mariadb'))(
    'are ended by the database when they take too long',
    async () => {
      const lock = await openStore(database);
      const runner = lock.dataSource.createQueryRunner();
      // Longer than the test: only the database can end the read.
      open.dialect.statementTimeout = 60_000;
      try {
        if (backend === 'postgres') {
          await runner.startTransaction();
          await runner.query('LOCK TABLE stepping_jobs IN ACCESS EXCLUSIVE MODE');
        } else await runner.query('LOCK TABLES stepping_jobs WRITE');
        const began = performance.now();
        await expect(fleet.failures(10)).rejects.toMatchObject({
          code: 'STEPPING_TRANSACTION_MANAGER_UNAVAILABLE',
        });
        const took = performance.now() - began;
        expect(took).toBeGreaterThan(READ_LIMIT_MS - 100);
        expect(took).toBeLessThan(READ_LIMIT_MS + MARGIN_MS);
      } finally {
        if (backend === 'postgres') await runner.rollbackTransaction();
        else await runner.query('UNLOCK TABLES');
        await runner.release();
        await lock.close();
      }
      // The session has no limit left.
      expect(await fleet.failures(10)).toHaveLength(10);
    },
  );

  async function planOf({ sql, params }: Sent, mode: string): Promise<PlanNode> {
    const settings = sent.find((statement) => statement.sql.includes('set_config'))!.sql;
    await database.query('BEGIN');
    await database.query(settings);
    await database.query(`SET LOCAL plan_cache_mode = ${mode}`);
    await database.query(`PREPARE looked_at AS ${sql}`);
    try {
      const values = params.map((value) => (typeof value === 'number' ? value : `'${String(value)}'`)).join();
      const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE looked_at ${values === '' ? '' : `(${values})`}`,
      );
      return row!['QUERY PLAN'][0].Plan;
    } finally {
      await database.query('DEALLOCATE looked_at');
      await database.query('ROLLBACK');
    }
  }
});

function flat(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)];
}
