import type { InternalConnection, Statement } from '../connections/internal.connection.js';
import {
  CLAIMED_COLUMNS,
  JobTable,
  type JobClaim,
  type JobInsert,
  type JobOwner,
  type ClaimedJobRow,
  type JobUpdate,
  type PreparedUpdate,
} from '../job-table.js';
import { patientUpdateStatement, updateStatement } from './postgres.job-updates.js';
import {
  arePlainEnds,
  arePlainProgress,
  endedStatement,
  endStatement,
  progressStatement,
} from './postgres.plain-progress.js';

/** Ages are integers here, whose text is cheaper to write than that of a float. */
const MAX_INT = 2 ** 31 - 1;

/**
 * The job table on PostgreSQL.
 *
 * Batches travel as arrays, one per column, or as JSON where there are many columns, which costs both sides less; so a
 * batch of any size is the same statement. Those that change rows lock them first, leaving locked ones out or, where
 * they wait for locks, in gid order: they cannot deadlock. `clock_timestamp()` stands in a sub-select where the index is
 * to be used: it is volatile, and a sub-select is computed once.
 *
 * A claim must find its rows by the index even where the table has no statistics yet, or old ones: sorting all due
 * rows costs more than everything else. So its limit stands in a sub-select, which the planner takes for a small share
 * of the rows, and its conditions in a CASE, of which it does not believe that nearly nothing fulfills them. For
 * the same reason the updates name their rows once more, as an array.
 */
export class PostgresJobTable extends JobTable {
  private readonly insertNewSql: string;
  private readonly insertSql: string;

  constructor(
    private readonly connection: InternalConnection,
    /** Qualified and quoted. */
    private readonly jobs: string,
  ) {
    super();
    // Sent with every job: put together once, and without the layout.
    this.insertNewSql = oneLine(`
      INSERT INTO ${jobs}
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7,
              clock_timestamp(), clock_timestamp() + $8::float8 * interval '1 millisecond')`);
    this.insertSql = `${this.insertNewSql} ON CONFLICT (gid) DO NOTHING`;
  }

  override async insert(jobs: readonly JobInsert[]): Promise<Set<string>> {
    return this.gids(
      `
      INSERT INTO ${this.jobs} AS j
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      SELECT n.gid, n.name, n.status, n.steps, 0, n.step_name, 0, n.owner, n.lookup,
             clock_timestamp(), clock_timestamp() + n.due_in * interval '1 millisecond'
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[])
          AS n(gid, name, status, steps, step_name, owner, lookup, due_in)
       ORDER BY n.gid COLLATE "C"
          ON CONFLICT (gid) DO NOTHING
      RETURNING j.gid`,
      [
        jobs.map((job) => job.gid),
        jobs.map((job) => job.name),
        jobs.map((job) => job.status),
        jobs.map((job) => job.steps),
        jobs.map((job) => job.stepName),
        jobs.map((job) => job.owner),
        jobs.map((job) => job.lookup),
        jobs.map((job) => job.dueIn),
      ],
    );
  }

  override insertStatement(job: JobInsert): Statement {
    return { sql: this.insertSql, params: insertParams(job) };
  }

  override commitStatement(job: JobInsert): Statement {
    return { sql: this.insertNewSql, params: insertParams(job) };
  }

  /**
   * The rows come in no order: joining the due times to them, for the order's sake, took the server a fifth of the claim.
   * A batch is larger than what runs at a time only where it is begun within a moment.
   */
  override claim({ owner, limit, leaseDuration, steps, dueWithin }: JobClaim): Promise<ClaimedJobRow[]> {
    return this.rows<ClaimedJobRow>(
      `
      WITH due AS MATERIALIZED (
        SELECT c.ctid AS place, c.due_at
          FROM ${this.jobs} c
         WHERE c.due_at <= (SELECT clock_timestamp())
           AND c.due_at >= (SELECT COALESCE(clock_timestamp() - $5::float8 * interval '1 millisecond', '-infinity'))
           AND CASE c.status WHEN 'submitted' THEN c.step_name = ANY ($2::text[]) ELSE c.status = 'prepared' END
         ORDER BY c.due_at
         LIMIT (SELECT $3::int)
           FOR UPDATE SKIP LOCKED
      )
      UPDATE ${this.jobs} j
         SET owner = $1,
             due_at = clock_timestamp() + $4::float8 * interval '1 millisecond',
             attempts = j.attempts + CASE WHEN j.status = 'submitted' AND j.owner IS NOT NULL THEN 1 ELSE 0 END
       WHERE j.ctid = ANY (ARRAY (SELECT due.place FROM due))
      RETURNING ${CLAIMED_COLUMNS},
                (SELECT LEAST(extract(epoch FROM clock_timestamp() - max(due.due_at)) * 1000, ${MAX_INT})::int FROM due)
                  AS due_for`,
      [owner, steps, limit, leaseDuration, dueWithin ?? null],
    );
  }

  override renew(keys: readonly JobOwner[], leaseDuration: number): Promise<Set<string>> {
    return this.gids(
      `
      WITH locked AS MATERIALIZED (
        SELECT l.gid
          FROM (SELECT * FROM unnest($1::text[], $2::text[]) AS n(gid, owner) ORDER BY n.gid COLLATE "C") k
         CROSS JOIN LATERAL (
           SELECT t.gid
             FROM ${this.jobs} t
            WHERE t.gid = k.gid AND t.owner = k.owner AND t.status IN ('submitted', 'prepared')
              FOR UPDATE SKIP LOCKED
         ) l
      )
      UPDATE ${this.jobs} j
         SET due_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
        FROM locked
       WHERE j.gid = locked.gid AND j.gid = ANY (ARRAY (SELECT locked.gid FROM locked))
      RETURNING j.gid`,
      [keys.map((key) => key.gid), keys.map((key) => key.owner), leaseDuration],
    );
  }

  override held(keys: readonly JobOwner[]): Promise<Set<string>> {
    return this.gids(
      `
      SELECT j.gid
        FROM unnest($1::text[], $2::text[]) AS k(gid, owner)
        JOIN ${this.jobs} j ON j.gid = k.gid AND j.owner = k.owner
       WHERE j.status IN ('submitted', 'prepared')`,
      [keys.map((key) => key.gid), keys.map((key) => key.owner)],
    );
  }

  override async change(updates: readonly JobUpdate[]): Promise<Set<string>> {
    if (!arePlainEnds(updates)) {
      const statement = arePlainProgress(updates) ? progressStatement : updateStatement;
      const { sql, params } = statement(this.jobs, updates);
      return this.gids(sql, params);
    }
    const { sql, params } = endStatement(this.jobs, updates);
    const { affected } = await this.connection.query(sql, params, { prepared: true });
    if (affected === updates.length) return new Set(updates.map((update) => update.gid));
    const ended = endedStatement(this.jobs, updates);
    return this.gids(ended.sql, ended.params);
  }

  override changePatiently(updates: readonly JobUpdate[], lockTimeout: number): Promise<Set<string>> {
    const { sql, params } = patientUpdateStatement(this.jobs, updates);
    return this.connection.transaction(
      async (run) => {
        await run(`SELECT set_config('lock_timeout', $1, true)`, [`${Math.ceil(lockTimeout)}ms`]);
        return gidsOf((await run(sql, params)).rows);
      },
      { retry: false },
    );
  }

  override unchanged(updates: readonly JobUpdate[]): Promise<Set<string>> {
    return this.gids(
      `
      SELECT j.gid
        FROM unnest($1::text[], $2::text[], $3::int[]) AS c(gid, owner, at_step)
        JOIN ${this.jobs} j ON j.gid = c.gid AND j.owner = c.owner AND j.step_index = c.at_step
       WHERE j.status = 'submitted'`,
      [
        updates.map((update) => update.gid),
        updates.map((update) => update.owner),
        updates.map((update) => update.atStep),
      ],
    );
  }

  override changeStatement(update: JobUpdate): Statement {
    const keep = update.due === 'keep';
    return {
      sql: `
        UPDATE ${this.jobs} j
           SET status = $4::text,
               step_index = $5,
               step_name = $6,
               attempts = $7,
               attempt_log = COALESCE($8, j.attempt_log),
               error = $9,
               owner = CASE WHEN $12::bool THEN NULL ELSE j.owner END,
               due_at = CASE WHEN $11::bool THEN j.due_at
                             ELSE clock_timestamp() + $10::float8 * interval '1 millisecond' END,
               ended_at = CASE WHEN $4::text = 'submitted' THEN NULL ELSE clock_timestamp() END
         WHERE j.gid = $1 AND j.owner = $2 AND j.step_index = $3 AND j.status = 'submitted'`,
      params: [
        update.gid,
        update.owner,
        update.atStep,
        update.status,
        update.stepIndex,
        update.stepName,
        update.attempts,
        update.attemptLog,
        update.error,
        keep ? null : update.due,
        keep,
        update.release,
      ],
    };
  }

  override changePrepared(updates: readonly PreparedUpdate[]): Promise<Set<string>> {
    return this.gids(
      `
      WITH locked AS MATERIALIZED (
        SELECT l.gid, c.status, c.due, c.release
          FROM (SELECT *
                  FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::bool[])
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
      RETURNING j.gid`,
      [
        updates.map((update) => update.gid),
        updates.map((update) => update.owner),
        updates.map((update) => update.status),
        updates.map((update) => update.due),
        updates.map((update) => update.release),
      ],
    );
  }

  override async deleteNew(gid: string, owner: string | null): Promise<void> {
    await this.connection.query(
      `
      DELETE FROM ${this.jobs} j
       WHERE j.gid = $1 AND j.owner IS NOT DISTINCT FROM $2 AND j.step_index = 0 AND j.attempts = 0`,
      [gid, owner],
    );
  }

  private async gids(sql: string, params: readonly unknown[]): Promise<Set<string>> {
    return gidsOf(await this.rows(sql, params));
  }

  private async rows<R extends { gid: string }>(sql: string, params: readonly unknown[]): Promise<R[]> {
    return (await this.connection.query(sql, params, { prepared: true })).rows as R[];
  }
}

function insertParams(job: JobInsert): unknown[] {
  return [job.gid, job.name, job.status, job.steps, job.stepName, job.owner, job.lookup, job.dueIn];
}

function oneLine(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim();
}

function gidsOf(rows: readonly { gid: string }[]): Set<string> {
  return new Set(rows.map((row) => row.gid));
}
