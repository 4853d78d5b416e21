import type { Statement } from '../connections/internal.connection.js';
import type { SqlNotation } from '../sql-notation.js';
import { fragment, type Fragment, type RawSql } from '../sql-template.js';
import type { AuditQuery, NewAuditEntry } from './audit-store.js';

/**
 * What is done with the audit, in one statement each.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class AuditStatements {
  constructor(
    private readonly audit: RawSql,
    private readonly jobs: RawSql,
    private readonly notation: SqlNotation,
  ) {}

  insert({ by, action, gid, step, reason, count, detail }: NewAuditEntry): Statement {
    return this.notation.sql`
      INSERT INTO ${this.audit} (at, done_by, action, gid, step, reason, changed, detail)
      VALUES (${this.notation.now}, ${by}, ${action}, ${gid}, ${step}, ${reason}, ${count}, ${detail})`;
  }

  /** The same for a job, with the step that it stands at, which the caller need not know. */
  insertForJob(gid: string, { by, action, reason, detail }: NewAuditEntry): Statement {
    const text = (value: string | null): Fragment => this.notation.text(value);
    return this.notation.sql`
      INSERT INTO ${this.audit} (at, done_by, action, gid, step, reason, changed, detail)
      SELECT ${this.notation.now}, ${text(by)}, ${text(action)}, gid, step_name, ${text(reason)}, 1, ${text(detail)}
        FROM ${this.jobs}
       WHERE gid = ${gid}`;
  }

  /** The `id` of the row that this transaction has inserted last. */
  lastId(): Statement {
    return this.notation.sql`SELECT ${this.notation.lastId} AS id`;
  }

  addCount(id: string, count: number): Statement {
    return this.notation.sql`UPDATE ${this.audit} SET changed = changed + ${count} WHERE id = ${Number(id)}`;
  }

  /** Answers with an `id` and a `size` for each; no detail leaves the server. */
  sizes(query: AuditQuery): Statement {
    return this.notation.sql`
      SELECT id, ${this.notation.bytesOf('detail')} AS size
        FROM ${this.audit}
       WHERE ${this.meets(query)}
       ORDER BY id DESC
       LIMIT ${query.limit + 1}`;
  }

  list(query: AuditQuery): Statement {
    return this.notation.sql`
      SELECT id, ${this.notation.epochOf(this.notation.column('at'))} AS at, done_by AS "by", action, gid, step, reason,
             changed AS count, detail
        FROM ${this.audit}
       WHERE ${this.meets(query)}
       ORDER BY id DESC
       LIMIT ${query.limit}`;
  }

  private meets({ gid, step, action, by, before }: AuditQuery): Fragment {
    const conditions = [
      ...(gid === undefined ? [] : [fragment`gid = ${gid}`]),
      ...(step === undefined ? [] : [this.notation.amongNames('step', [step])]),
      ...(action === undefined ? [] : [fragment`action = ${action}`]),
      ...(by === undefined ? [] : [this.notation.amongNames('done_by', [by])]),
      ...(before === undefined ? [] : [fragment`id < ${Number(before)}`]),
    ];
    return conditions.reduce((all, condition) => fragment`${all} AND ${condition}`, fragment`TRUE`);
  }

  /** The last of the oldest rows that is over: its `id`, or NULL. Reads `limit` rows, however many there are. */
  lastExpired(retention: number, limit: number): Statement {
    return this.notation.sql`
      SELECT max(id) AS id
        FROM (SELECT id, at FROM ${this.audit} ORDER BY id LIMIT ${limit}) AS oldest
       WHERE at <= ${this.notation.now} - ${this.notation.duration(retention)}`;
  }

  deleteUntil(id: string): Statement {
    return this.notation.sql`DELETE FROM ${this.audit} WHERE id <= ${Number(id)}`;
  }

  forget(gids: readonly string[]): Statement {
    return this.notation.sql`
      UPDATE ${this.audit} SET detail = NULL WHERE ${this.notation.among('gid', gids)} AND detail IS NOT NULL`;
  }
}
