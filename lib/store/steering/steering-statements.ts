import type { Statement } from '../connections/internal.connection.js';
import type { LockWait } from '../dialect.js';
import type { JobConditions } from '../job-store.js';
import type { JobStatements } from '../job-statements.js';
import type { SqlNotation } from '../sql-notation.js';
import { fragment, RawSql, type Fragment } from '../sql-template.js';
import { CANCELABLE, type BulkRetry, type StepEdit, type StepSkip } from './steering-store.js';

/** What a job that has failed is made of when it is to go on. */
export const RETRIED = new RawSql(`
  status = 'submitted', attempts = 0, mark = NULL, crashes = NULL, error = NULL, error_name = NULL, owner = NULL,
  ended_at = NULL`);

/**
 * What is done to jobs by hand, in one statement each. The subclasses hold what databases write differently.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class SteeringStatements {
  constructor(
    protected readonly jobs: RawSql,
    protected readonly notation: SqlNotation,
    /** Of the same table. */
    private readonly statements: JobStatements,
    protected readonly lockWait: LockWait,
  ) {}

  /** Locks the rows among `gids` that meet the condition and that nobody else has locked; answers with their `gid`s. */
  protected abstract lock(gids: readonly string[], condition: Fragment): Statement;
  /** Retries rows that are locked, each with its own delay. */
  protected abstract retryAt(gids: readonly string[], since: number, delays: readonly number[]): Statement;

  now(): Statement {
    return this.notation.sql`SELECT ${this.notation.epochOf(this.notation.now)} AS now`;
  }

  edit({ gid, atStep, steps, newSteps }: StepEdit): Statement {
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET ${RETRIED}, steps = ${newSteps}, due_at = ${this.notation.now}
       WHERE gid = ${gid} AND status = 'failed' AND step_index = ${atStep} AND steps = ${steps}`;
  }

  /** Times first: MySQL assigns from left to right. */
  skip(skip: StepSkip): Statement {
    const { now } = this.notation;
    const ended = skip.status === 'succeeded';
    const due = skip.keepsDue ? fragment`CASE WHEN status = 'failed' THEN ${now} ELSE due_at END` : now;
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET due_at = ${ended ? null : due},
             ended_at = ${ended ? now : null},
             status = ${skip.status},
             step_index = ${skip.stepIndex},
             step_name = ${skip.stepName},
             attempts = ${skip.attempts},
             mark = NULL, crashes = NULL, error = NULL, error_name = NULL, owner = NULL,
             attempt_log = ${skip.attemptLog}
       WHERE gid = ${skip.gid} AND step_index = ${skip.atStep}
         AND (status = 'failed' OR (status = 'submitted' AND (owner IS NULL OR due_at <= ${now})))`;
  }

  lockFailed(gids: readonly string[], { conditions, since }: BulkRetry): Statement {
    const before = this.notation.timeOf(new Date(since + 1));
    return this.lock(
      gids,
      fragment`status = 'failed' AND ended_at < ${before} AND ${this.statements.meets(conditions)}`,
    );
  }

  /** With the delays of those that are locked. */
  retryAll(gids: readonly string[], { since, delays }: Pick<BulkRetry, 'since' | 'delays'>): Statement {
    if (delays.some((delay) => delay > 0)) return this.retryAt(gids, since, delays);
    return this.notation.sql`
      UPDATE ${this.jobs} SET ${RETRIED}, due_at = ${this.notation.now} WHERE ${this.notation.among('gid', gids)}`;
  }

  lockCancelable(gids: readonly string[], conditions: JobConditions): Statement {
    const cancelable = this.notation.hasStatus(CANCELABLE);
    return this.lock(gids, fragment`${cancelable} AND ${this.statements.meets(conditions)}`);
  }

  /** Of rows that are locked. */
  cancelAll(gids: readonly string[]): Statement {
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = ${this.notation.now}
       WHERE ${this.notation.among('gid', gids)}`;
  }
}
