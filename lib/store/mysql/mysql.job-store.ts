import { ANY_SIZE } from '../claim-bytes.js';
import type { InternalConnection, RunStatement } from '../connections/internal.connection.js';
import type {
  ClaimedJob,
  ClaimRequest,
  JobChange,
  JobQuery,
  JobRecord,
  LeaseKey,
  NewJob,
  PreparedChange,
  RecordPage,
} from '../job-store.js';
import { placeholders, RawSql } from '../sql-template.js';
import { SqlJobStore } from '../sql.job-store.js';
import { MysqlClaims } from './mysql.claims.js';
import type { MysqlDialect } from './mysql.dialect.js';
import { ASSIGNMENTS, assigned, MysqlJobStatements } from './mysql.job-statements.js';
import { withLockTimeout, type LockClause } from './mysql.row-locks.js';
import { SizeEstimate } from './mysql.size-estimate.js';
import { microseconds } from './mysql.values.js';
import { TidbClaims } from './tidb.claims.js';

/** How many times as many jobs as before a page may look at next: those may be larger. */
const GROWTH = 4;

const IS_SUBMITTED = `status = 'submitted'`;
const IS_OPEN = `status IN ('submitted', 'prepared')`;

interface LockedRow {
  readonly gid: string;
  readonly owner: string | null;
  readonly stepIndex: number;
}

/**
 * Keeps jobs in MySQL or MariaDB.
 *
 * Neither tells which rows an UPDATE changed. So a batch locks its rows first, by primary key and in gid order, skipping
 * locked ones, or halving the batch where the server skips none. It compares owners and steps in memory, and then updates exactly those rows. `UTC_TIMESTAMP(6)` is the
 * clock: `NOW()` follows the session's time zone. The indexes are named: a scan of another one would lock every row it
 * passes.
 */
export class MysqlJobStore extends SqlJobStore {
  private built: MysqlJobStatements | undefined;
  private claims: MysqlClaims | undefined;

  constructor(
    connection: InternalConnection,
    private readonly mysql: MysqlDialect,
  ) {
    super(connection, mysql);
  }

  override get statements(): MysqlJobStatements {
    return (this.built ??= new MysqlJobStatements(this.jobs));
  }

  protected override async insertBatch(jobs: readonly NewJob[]): Promise<Set<string>> {
    try {
      const { sql, params } = this.statements.insert(...jobs);
      await this.connection.query(sql, params);
      return new Set(jobs.map((job) => job.gid));
    } catch (error) {
      if (!this.dialect.errors.isUniqueViolation(error)) throw error;
      if (jobs.length === 1) return new Set();
    }
    const inserted = new Set<string>();
    for (const job of jobs) for (const gid of await this.insertBatch([job])) inserted.add(gid);
    return inserted;
  }

  protected override claimBatch(request: ClaimRequest): Promise<ClaimedJob[]> {
    return (this.claims ??= this.newClaims()).claim(this.connection, request);
  }

  /**
   * The size of a large text is known only when all of it has been read. So a page is read in growing parts, each about as
   * large as what still fits.
   */
  override async list(query: JobQuery): Promise<RecordPage> {
    const { limit, maxBytes = ANY_SIZE } = query;
    const jobs: JobRecord[] = [];
    const sizes = new SizeEstimate();
    let bytes = 0;
    for (let more = true; ;) {
      const before = jobs.at(-1)?.gid;
      const after = before === undefined ? {} : { before, continued: true };
      const growth = jobs.length === 0 ? limit : GROWTH * jobs.length;
      const part = Math.min(limit - jobs.length, growth, sizes.fitting(maxBytes - bytes));
      const page = await super.list({ ...query, ...after, limit: part, maxBytes: maxBytes - bytes });
      for (const job of page.jobs) bytes += Buffer.byteLength(job.steps);
      jobs.push(...page.jobs);
      sizes.saw(jobs.length, bytes);
      // Without jobs, it does not tell whether there are any.
      if (page.jobs.length > 0 || jobs.length === 0) more = page.more;
      if (page.jobs.length < part || !more || jobs.length === limit || bytes >= maxBytes)
        return { jobs, more };
    }
  }

  protected override renewBatch(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>> {
    return this.renewals.transaction(async (run) => {
      const locked = await this.lockFree(run, keys, IS_OPEN);
      const renewed = keys.filter((key) => locked.get(key.gid)?.owner === key.owner).map((key) => key.gid);
      if (renewed.length > 0) {
        await run(
          `
          UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
             SET due_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
           WHERE gid IN (${placeholders(renewed)})`,
          [microseconds(leaseDuration), ...renewed],
        );
      }
      return new Set(renewed);
    });
  }

  protected override async heldBatch(keys: readonly LeaseKey[]): Promise<Set<string>> {
    const rows = await this.read(keys, IS_OPEN, this.renewals);
    return new Set(keys.filter((key) => rows.get(key.gid)?.owner === key.owner).map((key) => key.gid));
  }

  protected override changeBatch(changes: readonly JobChange[], lockTimeout?: number): Promise<Set<string>> {
    if (lockTimeout === undefined) {
      return this.connection.transaction(async (run) =>
        this.changeLocked(run, changes, await this.lockFree(run, changes, IS_SUBMITTED)),
      );
    }
    return this.connection.transaction(
      (run) =>
        withLockTimeout(run, lockTimeout, async () => {
          const locked = await this.select(run, changes, IS_SUBMITTED, 'FOR UPDATE');
          return this.changeLocked(run, changes, locked);
        }),
      { retry: false },
    );
  }

  protected override async unchanged(changes: readonly JobChange[]): Promise<Set<string>> {
    const rows = await this.read(changes, IS_SUBMITTED);
    return new Set(changes.filter((change) => isUnchanged(change, rows)).map((change) => change.gid));
  }

  protected override changePreparedBatch(changes: readonly PreparedChange[]): Promise<Set<string>> {
    return this.connection.transaction(async (run) => {
      const locked = await this.select(run, changes, `status = 'prepared'`, 'FOR UPDATE');
      const allowed = changes.filter((change) => locked.get(change.gid)?.owner === change.owner);
      for (const group of groupsOf(allowed, ({ status, due, release }) => [status, due, release])) {
        const [{ status, due, release }] = group as [PreparedChange];
        await run(
          `
          UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
             SET status = ?,
                 owner = IF(?, NULL, owner),
                 due_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND,
                 ended_at = IF(?, UTC_TIMESTAMP(6), NULL)
           WHERE gid IN (${placeholders(group)})`,
          [
            status,
            release,
            due === null ? null : microseconds(due),
            status === 'rolledBack',
            ...group.map((change) => change.gid),
          ],
        );
      }
      return new Set(allowed.map((change) => change.gid));
    });
  }

  private newClaims(): MysqlClaims {
    const { names, lockWait, locks } = this.mysql;
    const dueIndex = new RawSql(`\`${names.dueIndex}\``);
    return lockWait === 'NOWAIT'
      ? new TidbClaims(this.jobs, dueIndex, locks)
      : new MysqlClaims(this.jobs, dueIndex);
  }

  private async changeLocked(
    run: RunStatement,
    changes: readonly JobChange[],
    locked: ReadonlyMap<string, LockedRow>,
  ): Promise<Set<string>> {
    const allowed = changes.filter((change) => isUnchanged(change, locked));
    for (const group of groupsOf(allowed, assigned)) {
      await run(
        `
        UPDATE ${this.jobs} FORCE INDEX (PRIMARY)
           SET ${ASSIGNMENTS}
         WHERE gid IN (${placeholders(group)})`,
        [...assigned(group[0]!), ...group.map((change) => change.gid)],
      );
    }
    return new Set(allowed.map((change) => change.gid));
  }

  /** The same, locked, of those that nobody else has locked. */
  private async lockFree(
    run: RunStatement,
    keys: readonly LeaseKey[],
    condition: string,
  ): Promise<Map<string, LockedRow>> {
    const rows = await this.mysql.locks.lockFree(keys, async (some, lock) => [
      ...(await this.select(run, some, condition, lock)).values(),
    ]);
    return new Map(rows.map((row) => [row.gid, row]));
  }

  /** The rows among `keys` that meet the condition, by gid. */
  private async select(
    run: RunStatement,
    keys: readonly LeaseKey[],
    condition: string,
    lock: LockClause,
  ): Promise<Map<string, LockedRow>> {
    const { rows } = await run(
      `
      SELECT gid, owner, step_index AS stepIndex
        FROM ${this.jobs} FORCE INDEX (PRIMARY)
       WHERE gid IN (${placeholders(keys)}) AND ${condition}
       ORDER BY gid
       ${lock}`,
      keys.map((key) => key.gid),
    );
    return new Map((rows as LockedRow[]).map((row) => [row.gid, row]));
  }

  /** What is not there counts as lost. */
  private read(
    keys: readonly LeaseKey[],
    condition: string,
    connection = this.connection,
  ): Promise<Map<string, LockedRow>> {
    const run: RunStatement = (sql, params = []) => {
      const latest = this.dialect.latest({ sql, params });
      return connection.query(latest.sql, latest.params);
    };
    return this.select(run, keys, condition, '');
  }
}

function isUnchanged(change: JobChange, rows: ReadonlyMap<string, LockedRow>): boolean {
  const row = rows.get(change.gid);
  return row?.owner === change.owner && Number(row.stepIndex) === change.atStep;
}

/** The rows that get the same values, so that each group is one statement. */
function groupsOf<T>(rows: readonly T[], valuesOf: (row: T) => readonly unknown[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = JSON.stringify(valuesOf(row));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}
