import type { Statement } from '../connections/internal.connection.js';
import { InboxStore, type InboxRow } from '../inbox-store.js';
import { numberedSql as sql } from '../sql-template.js';

/** The inbox on PostgreSQL. */
export class PostgresInboxStore extends InboxStore {
  protected override insertStatement({ mark, consumer, messageId, keptFor }: InboxRow): Statement {
    return sql`
        INSERT INTO ${this.table} (mark, consumer, message_id, received_at, kept_for)
        VALUES (${mark}, ${consumer}, ${messageId}, clock_timestamp(), ${keptFor})
            ON CONFLICT (mark) DO NOTHING`;
  }

  /** With `now()`: no index is searched for `clock_timestamp()`. What another process is deleting is left to it. */
  protected override purgeStatement(retention: number, limit: number): Statement {
    return sql`
        DELETE FROM ${this.table}
         WHERE mark = ANY (ARRAY(
                 SELECT mark
                   FROM ${this.table}
                  WHERE received_at <= now() - ${retention}::float8 * interval '1 millisecond'
                    AND (kept_for IS NULL OR received_at <= now() - kept_for * interval '1 millisecond')
                  ORDER BY received_at
                  LIMIT ${limit}
                    FOR UPDATE SKIP LOCKED))`;
  }
}
