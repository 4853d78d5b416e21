import type {
  InternalConnection,
  Statement,
  StatementResult,
  TransactionWork,
} from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import { orUnavailable } from '../driver-errors.js';
import { RawSql } from '../sql-template.js';
import { decodeText } from '../stored-text.js';
import { AuditStatements } from './audit-statements.js';
import {
  AuditStore,
  type AuditQuery,
  type AuditRecord,
  type NewAuditEntry,
  type SizedAuditEntry,
} from './audit-store.js';

/** An entry as a driver returns it. */
interface AuditRow extends Omit<NewAuditEntry, 'count'> {
  readonly id: number | string;
  readonly at: number | string;
  readonly count: number | string;
}

/**
 * Keeps the audit beside the jobs.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class SqlAuditStore extends AuditStore {
  private built: AuditStatements | undefined;

  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
  ) {
    super();
  }

  /** Known once the store of the jobs is initialized. */
  get statements(): AuditStatements {
    const { audit, jobs } = this.dialect.tables;
    return (this.built ??= new AuditStatements(
      new RawSql(audit),
      new RawSql(jobs),
      this.dialect.notation(this.connection),
    ));
  }

  /**
   * The entry as it is written.
   *
   * @throws InvalidOptionError for a name of a person that does not fit as it is written.
   */
  written(entry: NewAuditEntry): NewAuditEntry {
    const { text } = this.dialect;
    const { by, step, reason, detail } = entry;
    if (by !== null) text.checkName(by, 'by');
    return {
      ...entry,
      by: by === null ? null : text.encode(by),
      step: step === null ? null : text.encode(step),
      reason: reason === null ? null : text.encode(reason),
      detail: detail === null ? null : text.json(detail),
    };
  }

  override add(entry: NewAuditEntry): Promise<string> {
    const { statements } = this;
    const written = this.written(entry);
    function* work(): TransactionWork<string> {
      yield statements.insert(written);
      const { rows } = yield statements.lastId();
      return String((rows as [{ id: unknown }])[0].id);
    }
    return this.own(() => this.connection.atomically(work));
  }

  override async sizes(query: AuditQuery): Promise<SizedAuditEntry[]> {
    const { rows } = await this.run(this.statements.sizes(this.asWritten(query)));
    return (rows as { id: unknown; size: unknown }[]).map(({ id, size }) => ({
      id: String(id),
      size: Number(size),
    }));
  }

  override async list(query: AuditQuery): Promise<AuditRecord[]> {
    const { rows } = await this.run(this.statements.list(this.asWritten(query)));
    return (rows as AuditRow[]).map(recordOf);
  }

  private asWritten(query: AuditQuery): AuditQuery {
    const { text } = this.dialect;
    const { step, by } = query;
    return {
      ...query,
      ...(step !== undefined && { step: text.encode(step) }),
      ...(by !== undefined && { by: text.encode(by) }),
    };
  }

  override async purge(retention: number, limit: number): Promise<boolean> {
    const { rows } = await this.run(this.statements.lastExpired(retention, limit));
    const [{ id }] = rows as [{ id: number | string | null }];
    if (id === null) return false;
    await this.run(this.statements.deleteUntil(String(id)));
    return true;
  }

  override async forget(gids: readonly string[]): Promise<void> {
    if (gids.length > 0) await this.run(this.statements.forget(gids));
  }

  private run({ sql, params }: Statement): Promise<StatementResult> {
    return this.own(() => this.connection.query(sql, params));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the jobs', this.dialect, work);
  }
}

function recordOf(row: AuditRow): AuditRecord {
  const textOf = (value: string | null): string | null => (value === null ? null : decodeText(value));
  return {
    id: String(row.id),
    at: new Date(Math.floor(Number(row.at))),
    by: textOf(row.by),
    action: row.action,
    gid: row.gid,
    step: textOf(row.step),
    reason: textOf(row.reason),
    count: Number(row.count),
    detail: row.detail,
  };
}
