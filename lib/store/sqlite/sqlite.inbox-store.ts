import type { Statement } from '../connections/internal.connection.js';
import { InboxStore, type InboxRow } from '../inbox-store.js';
import { questionMarkSql as sql } from '../sql-template.js';
import type { SqliteConnection } from './sqlite.connection.js';

/** The inbox on SQLite. */
export class SqliteInboxStore extends InboxStore {
  declare protected readonly connection: SqliteConnection;

  protected override insertStatement({ mark, consumer, messageId, keptFor }: InboxRow): Statement {
    return sql`
        INSERT INTO ${this.table} (mark, consumer, message_id, received_at, kept_for)
        VALUES (${mark}, ${consumer}, ${messageId}, ${this.connection.now()}, ${keptFor})
            ON CONFLICT (mark) DO NOTHING`;
  }

  protected override purgeStatement(retention: number, limit: number): Statement {
    const now = this.connection.now();
    return sql`
        DELETE FROM ${this.table}
         WHERE mark IN (SELECT mark
                          FROM ${this.table}
                         WHERE received_at <= ${now - retention}
                           AND (kept_for IS NULL OR received_at + kept_for <= ${now})
                         ORDER BY received_at
                         LIMIT ${limit})`;
  }
}
