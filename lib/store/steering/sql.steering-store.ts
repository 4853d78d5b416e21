import { isGid } from '../../core/jobs/gid.js';
import type {
  InternalConnection,
  Statement,
  StatementResult,
  TransactionWork,
} from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import { orUnavailable } from '../driver-errors.js';
import type { JobConditions } from '../job-store.js';
import type { JobStatements } from '../job-statements.js';
import type { NewAuditEntry } from './audit-store.js';
import type { SqlAuditStore } from './sql.audit-store.js';
import {
  SteeringStore,
  type BulkChange,
  type BulkRetry,
  type StepEdit,
  type StepSkip,
} from './steering-store.js';
import type { SteeringStatements } from './steering-statements.js';

/**
 * Steers the jobs of a table. The SQL is in its statements.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class SqlSteeringStore extends SteeringStore {
  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
    private readonly audit: SqlAuditStore,
    /** Known once the store of the jobs is initialized. */
    private readonly known: () => { readonly jobs: JobStatements; readonly steering: SteeringStatements },
  ) {
    super();
  }

  override async now(): Promise<number> {
    const { rows } = await this.run(this.known().steering.now());
    return Math.floor(Number((rows as [{ now: number | string }])[0].now));
  }

  override async retry(gid: string, note: NewAuditEntry): Promise<boolean> {
    return isGid(gid) && this.noted(this.known().jobs.retry(gid), this.noteOf(gid, note));
  }

  override async cancel(gid: string, note: NewAuditEntry): Promise<boolean> {
    return isGid(gid) && this.noted(this.known().jobs.cancel(gid), this.noteOf(gid, note));
  }

  override edit(edit: StepEdit, note: NewAuditEntry): Promise<boolean> {
    const { text } = this.dialect;
    const written = { ...edit, steps: text.json(edit.steps), newSteps: text.json(edit.newSteps) };
    return this.noted(this.known().steering.edit(written), this.insertOf(note));
  }

  override skip(skip: StepSkip, note: NewAuditEntry): Promise<boolean> {
    const stepName = skip.stepName === null ? null : this.dialect.text.encode(skip.stepName);
    return this.noted(this.known().steering.skip({ ...skip, stepName }), this.insertOf(note));
  }

  override retryAll(gids: readonly string[], retry: BulkRetry): Promise<string[]> {
    const { steering } = this.known();
    const written = { ...retry, conditions: this.written(retry.conditions) };
    const delays = new Map(gids.map((gid, index) => [gid, retry.delays[index]!]));
    return this.changed(retry, steering.lockFailed(gids, written), (locked) =>
      steering.retryAll(locked, { ...retry, delays: locked.map((gid) => delays.get(gid)!) }),
    );
  }

  override cancelAll(gids: readonly string[], change: BulkChange): Promise<string[]> {
    const { steering } = this.known();
    const lock = steering.lockCancelable(gids, this.written(change.conditions));
    return this.changed(change, lock, (locked) => steering.cancelAll(locked));
  }

  /** Changes rows once they are locked, and adds their number to the entry of the audit. */
  private changed(
    { auditId }: BulkChange,
    lock: Statement,
    change: (locked: readonly string[]) => Statement,
  ): Promise<string[]> {
    const { statements } = this.audit;
    function* work(): TransactionWork<string[]> {
      const { rows } = yield lock;
      const locked = (rows as { gid: string }[]).map(({ gid }) => gid);
      if (locked.length === 0) return locked;
      yield change(locked);
      yield statements.addCount(auditId, locked.length);
      return locked;
    }
    return this.own(() => this.connection.atomically(work));
  }

  /** Changes one job; where that was possible, it is noted. */
  private noted(change: Statement, note: Statement): Promise<boolean> {
    function* work(): TransactionWork<boolean> {
      const { affected } = yield change;
      if (affected > 0) yield note;
      return affected > 0;
    }
    return this.own(() => this.connection.atomically(work));
  }

  private noteOf(gid: string, note: NewAuditEntry): Statement {
    return this.audit.statements.insertForJob(gid, this.audit.written(note));
  }

  private insertOf(note: NewAuditEntry): Statement {
    return this.audit.statements.insert(this.audit.written(note));
  }

  private written(conditions: JobConditions): JobConditions {
    return this.dialect.text.ofQuery(conditions);
  }

  private run({ sql, params }: Statement): Promise<StatementResult> {
    return this.own(() => this.connection.query(sql, params));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the jobs', this.dialect, work);
  }
}
