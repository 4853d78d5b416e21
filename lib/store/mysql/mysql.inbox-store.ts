import type { Statement } from '../connections/internal.connection.js';
import { InboxStore, type InboxRow } from '../inbox-store.js';
import { questionMarkSql as sql } from '../sql-template.js';
import { microseconds } from './mysql.values.js';

/** The inbox on MySQL and MariaDB. */
export class MysqlInboxStore extends InboxStore {
  protected override insertStatement({ mark, consumer, messageId, keptFor }: InboxRow): Statement {
    return sql`
        INSERT IGNORE INTO ${this.table} (mark, consumer, message_id, received_at, kept_for)
        VALUES (${mark}, ${consumer}, ${messageId}, UTC_TIMESTAMP(6), ${keptFor})`;
  }

  protected override purgeStatement(retention: number, limit: number): Statement {
    return sql`
        DELETE FROM ${this.table}
         WHERE received_at <= UTC_TIMESTAMP(6) - INTERVAL ${microseconds(retention)} MICROSECOND
           AND (kept_for IS NULL OR TIMESTAMPDIFF(MICROSECOND, received_at, UTC_TIMESTAMP(6)) >= kept_for * 1000)
         ORDER BY received_at
         LIMIT ${limit}`;
  }
}
