import { setTimeout as sleep } from 'node:timers/promises';
import type { InternalConnection, RunStatement } from '../connections/internal.connection.js';
import type { ClaimedJob, ClaimRequest } from '../job-store.js';
import { questionMarkSql as sql, RawSql } from '../sql-template.js';
import { dueColumns, isDue, MysqlClaims, type DueRow } from './mysql.claims.js';
import type { RowLocks } from './mysql.row-locks.js';

/** While others claim as well, jobs are drawn from so many times as many. */
const WINDOW = 4;
/** How often a claim tries whose jobs have all been taken by others meanwhile. */
const TRIES = 4;
const JITTER_MS = 10;

/**
 * Claims due jobs without SKIP LOCKED: finds them without a lock, and locks by gid those that are still due. Processes that
 * look for the oldest jobs at the same time find the same ones, so one that loses some of them draws from more jobs next time.
 */
export class TidbClaims extends MysqlClaims {
  private contended = false;

  constructor(
    jobs: RawSql,
    dueIndex: RawSql,
    private readonly locks: RowLocks,
  ) {
    super(jobs, dueIndex);
  }

  override async claim(connection: InternalConnection, request: ClaimRequest): Promise<ClaimedJob[]> {
    for (let tries = 1; ; tries += 1) {
      const claimed = await super.claim(connection, request);
      if (claimed.length > 0 || !this.contended || tries === TRIES) return claimed;
      await sleep(Math.random() * JITTER_MS * tries);
    }
  }

  protected override async due(run: RunStatement, request: ClaimRequest, look: number): Promise<DueRow[]> {
    const found = await this.find(run, request, this.contended ? WINDOW * look : look);
    const gids = drawn(found, look).sort();
    const rows = await this.locks.lockFree(gids, async (some, lock) => {
      const { sql: text, params } = sql`
        SELECT ${dueColumns(request)}
          FROM ${this.jobs} FORCE INDEX (PRIMARY)
         WHERE gid IN (${some}) AND ${isDue(request)}
         ORDER BY gid
           ${new RawSql(lock)}`;
      return (await run(text, params)).rows as DueRow[];
    });
    this.contended = rows.length < gids.length;
    return [...rows].sort((one, other) => Number(other.dueFor) - Number(one.dueFor));
  }

  /** The oldest due jobs, locked or not. */
  private async find(run: RunStatement, request: ClaimRequest, limit: number): Promise<string[]> {
    const { sql: text, params } = sql`
      SELECT gid
        FROM ${this.jobs} FORCE INDEX (${this.dueIndex})
       WHERE ${isDue(request)}
       ORDER BY due_at
       LIMIT ${limit}`;
    return ((await run(text, params)).rows as { gid: string }[]).map(({ gid }) => gid);
  }
}

/** So many of them, by chance where there are more. */
function drawn(gids: readonly string[], count: number): string[] {
  const left = [...gids];
  while (left.length > count) left.splice(Math.floor(Math.random() * left.length), 1);
  return left;
}
