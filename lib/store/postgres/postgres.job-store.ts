import type { InternalConnection, Statement } from '../connections/internal.connection.js';
import type { ClaimedJob, ClaimRequest, JobChange, LeaseKey, NewJob, PreparedChange } from '../job-store.js';
import { ANY_SIZE } from '../claim-bytes.js';
import { claimedOf } from '../job-rows.js';
import { TAKE_OVER } from '../attempt-marks.js';
import { numberedSql as sql, RawSql } from '../sql-template.js';
import { SqlJobStore } from '../sql.job-store.js';
import { CLAIMED_COLUMNS } from '../job-statements.js';
import type { PostgresDialect, RowPlace } from './postgres.dialect.js';
import { PostgresJobStatements } from './postgres.job-statements.js';
import { updateStatement } from './postgres.job-updates.js';
import {
  arePlainEnds,
  arePlainProgress,
  endedStatement,
  endStatement,
  progressStatement,
} from './postgres.plain-progress.js';

/** Ages are sent as integers, whose text is cheaper to write than that of a float. */
const MAX_INT = new RawSql(String(2 ** 31 - 1));

/**
 * Keeps jobs in PostgreSQL.
 *
 * A batch travels as arrays, one for each column, or as JSON where there are many columns, so a batch of any size is the
 * same statement. Statements that change rows lock them first. They skip locked rows or, where they wait for locks,
 * lock in gid order, so they cannot deadlock. `clock_timestamp()` is volatile; in a sub-select it is computed once, so
 * the index can be used.
 *
 * The sizes of large texts are known without reading them, so a claim adds them up before it takes the rows, in the order in
 * which it has found them.
 *
 * A claim must find its rows by the index even where the table has no statistics, or old ones: sorting all due rows
 * costs more than everything else. So its limit is a sub-select, which the planner takes for a small share of the rows,
 * and its conditions are a CASE, which the planner does not take for selective. For the same reason the updates name
 * their rows once more, as an array.
 */
export class PostgresJobStore extends SqlJobStore {
  private built: PostgresJobStatements | undefined;

  constructor(
    connection: InternalConnection,
    private readonly postgres: PostgresDialect,
  ) {
    super(connection, postgres);
  }

  override get statements(): PostgresJobStatements {
    return (this.built ??= new PostgresJobStatements(this.jobs));
  }

  override commitStatement(job: NewJob): Statement {
    return this.statements.insertNew(this.text.ofJob(job));
  }

  protected override insertBatch(jobs: readonly NewJob[]): Promise<Set<string>> {
    return this.gids(this.statements.insertAll(jobs));
  }

  /**
   * The rows come in no order: joining the due times to them, for the order's sake, took the server a fifth of the claim.
   * A batch is larger than what runs at a time only where it starts within a moment.
   */
  protected override async claimBatch(request: ClaimRequest): Promise<ClaimedJob[]> {
    const {
      owner,
      limit,
      leaseDuration,
      steps,
      dueWithin = null,
      maxBytes = ANY_SIZE,
      maxLone = ANY_SIZE,
      stillWanted,
    } = request;
    if (stillWanted?.() === false) return [];
    const place = new RawSql(this.rowPlace);
    const rows = await this.rows<ClaimedJob>(sql`
      WITH due AS MATERIALIZED (
        SELECT c.${place} AS place, c.due_at, octet_length(c.steps) AS bytes
          FROM ${this.jobs} c
         WHERE c.due_at <= (SELECT clock_timestamp())
           AND c.due_at >= (SELECT COALESCE(clock_timestamp() - ${dueWithin}::float8 * interval '1 millisecond', '-infinity'))
           AND CASE c.status WHEN 'submitted' THEN c.step_name = ANY (${steps}::text[]) ELSE c.status = 'prepared' END
         ORDER BY c.due_at
         LIMIT (SELECT ${limit}::int)
           FOR UPDATE SKIP LOCKED
      ), taken AS MATERIALIZED (
        SELECT s.place, s.due_at
          FROM (SELECT d.*, sum(d.bytes) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM due d) s
         WHERE s.total <= ${maxBytes}::bigint OR (s.total = s.bytes AND s.bytes <= ${maxLone}::bigint)
      )
      UPDATE ${this.jobs} j
         SET owner = ${owner},
             due_at = clock_timestamp() + ${leaseDuration}::float8 * interval '1 millisecond',
             ${new RawSql(TAKE_OVER)}
       WHERE j.${place} = ANY (ARRAY (SELECT taken.place FROM taken))
      RETURNING ${CLAIMED_COLUMNS},
                (SELECT LEAST(extract(epoch FROM clock_timestamp() - max(NULLIF(taken.due_at, '-infinity'))) * 1000, ${MAX_INT})::int
                   FROM taken) AS "dueFor"`);
    return rows.map(claimedOf);
  }

  protected override renewBatch(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.gids(
      sql`
      WITH locked AS MATERIALIZED (
        SELECT l.gid
          FROM (SELECT *
                  FROM unnest(${column(keys, 'gid')}::text[], ${column(keys, 'owner')}::text[]) AS n(gid, owner)
                 ORDER BY n.gid COLLATE "C") k
         CROSS JOIN LATERAL (
           SELECT t.gid
             FROM ${this.jobs} t
            WHERE t.gid = k.gid AND t.owner = k.owner AND t.status IN ('submitted', 'prepared')
              FOR UPDATE SKIP LOCKED
         ) l
      )
      UPDATE ${this.jobs} j
         SET due_at = clock_timestamp() + ${leaseDuration}::float8 * interval '1 millisecond'
        FROM locked
       WHERE j.gid = locked.gid AND j.gid = ANY (ARRAY (SELECT locked.gid FROM locked))
      RETURNING j.gid`,
      this.renewals,
    );
  }

  protected override heldBatch(keys: readonly LeaseKey[]): Promise<Set<string>> {
    return this.gids(
      sql`
      SELECT j.gid
        FROM unnest(${column(keys, 'gid')}::text[], ${column(keys, 'owner')}::text[]) AS k(gid, owner)
        JOIN ${this.jobs} j ON j.gid = k.gid AND j.owner = k.owner
       WHERE j.status IN ('submitted', 'prepared')`,
      this.renewals,
    );
  }

  protected override async changeBatch(
    changes: readonly JobChange[],
    lockTimeout?: number,
  ): Promise<Set<string>> {
    if (lockTimeout !== undefined) return this.changePatiently(changes, lockTimeout);
    if (!arePlainProgress(changes))
      return this.gids(updateStatement(this.jobs, changes, 'SKIP LOCKED', this.rowPlace));
    if (!arePlainEnds(changes)) return this.gids(progressStatement(this.jobs, changes, this.rowPlace));
    const { sql: end, params } = endStatement(this.jobs, changes, this.rowPlace);
    const { affected } = await this.connection.query(end, params, { prepared: true });
    if (affected === changes.length) return new Set(changes.map((change) => change.gid));
    return this.gids(endedStatement(this.jobs, changes));
  }

  protected override unchanged(changes: readonly JobChange[]): Promise<Set<string>> {
    return this.gids(sql`
      SELECT j.gid
        FROM unnest(${column(changes, 'gid')}::text[], ${column(changes, 'owner')}::text[],
                    ${column(changes, 'atStep')}::int[]) AS c(gid, owner, at_step)
        JOIN ${this.jobs} j ON j.gid = c.gid AND j.owner = c.owner AND j.step_index = c.at_step
       WHERE j.status = 'submitted'`);
  }

  protected override changePreparedBatch(changes: readonly PreparedChange[]): Promise<Set<string>> {
    return this.gids(sql`
      WITH locked AS MATERIALIZED (
        SELECT l.gid, c.status, c.due, c.release
          FROM (SELECT *
                  FROM unnest(${column(changes, 'gid')}::text[], ${column(changes, 'owner')}::text[],
                              ${column(changes, 'status')}::text[], ${column(changes, 'due')}::float8[],
                              ${column(changes, 'release')}::bool[])
                    AS n(gid, owner, status, due, release)
                 ORDER BY n.gid COLLATE "C") c
         CROSS JOIN LATERAL (
           SELECT t.gid
             FROM ${this.jobs} t
            WHERE t.gid = c.gid AND t.owner = c.owner AND t.status = 'prepared'
              FOR UPDATE
         ) l
      )
      UPDATE ${this.jobs} j
         SET status = c.status,
             owner = CASE WHEN c.release THEN NULL ELSE j.owner END,
             due_at = clock_timestamp() + c.due * interval '1 millisecond',
             ended_at = CASE WHEN c.status = 'rolledBack' THEN clock_timestamp() END
        FROM locked c
       WHERE j.gid = c.gid AND j.gid = ANY (ARRAY (SELECT locked.gid FROM locked))
      RETURNING j.gid`);
  }

  private changePatiently(changes: readonly JobChange[], lockTimeout: number): Promise<Set<string>> {
    const { sql: update, params } = updateStatement(this.jobs, changes, '', 'gid');
    return this.connection.transaction(
      async (run) => {
        await run(`SELECT set_config('lock_timeout', $1, true)`, [`${Math.ceil(lockTimeout)}ms`]);
        return gidsOf((await run(update, params)).rows);
      },
      { retry: false },
    );
  }

  private get rowPlace(): RowPlace {
    return this.postgres.rowPlace;
  }

  private async gids(statement: Statement, connection = this.connection): Promise<Set<string>> {
    return gidsOf(await this.rows(statement, connection));
  }

  private async rows<R extends { gid: string }>(
    { sql: text, params }: Statement,
    connection = this.connection,
  ): Promise<R[]> {
    return (await connection.query(text, params, { prepared: true })).rows as R[];
  }
}

function gidsOf(rows: readonly { gid: string }[]): Set<string> {
  return new Set(rows.map((row) => row.gid));
}

/** A batch as the array of one of its columns. */
function column<T, K extends keyof T>(rows: readonly T[], name: K): T[K][] {
  return rows.map((row) => row[name]);
}
