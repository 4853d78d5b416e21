import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  TransactionContext,
  type BarrierDatabase,
  type DatabaseLookup,
  type TransactionParticipant,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';

/** A transaction of another database library, whose database has fallen silent. */
class SilentTransaction extends TransactionContext {
  readonly lookup: DatabaseLookup = { dataSource: 'knex' };
  private readonly participants: TransactionParticipant[] = [];

  override assertOpen(): void {}
  override async enlist<T>(participant: TransactionParticipant, work: () => Promise<T>): Promise<T> {
    this.participants.push(participant);
    return work();
  }
  override async insertBarrier(): Promise<void> {}
  override queryPrepared(): Promise<never> {
    return new Promise(() => {});
  }
  /** The answer to its COMMIT was lost. */
  end(): void {
    for (const participant of this.participants) participant.inDoubt();
  }
}

const ANSWERING: BarrierDatabase = { queryPrepared: async () => 'committed', purge: async () => {} };
const STATEMENT_MS = 1000;
const GRACE_MS = 2000;

describeBackends('a transaction of another library that does not tell how it ended', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  const start = async () => {
    app = await TestApplication.start(databases, {
      selfTm: { statementTimeout: STATEMENT_MS, gracePeriod: GRACE_MS, queryPreparedAfter: '3s' },
      module: { dataSourceResolver: () => ANSWERING },
    });
  };
  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    await start();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  it.each(['app.close()', 'DataSource.destroy()'] as const)(
    'keeps %s for no longer than a statement may, and recovery settles its job',
    async (closing) => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const transaction = new SilentTransaction();
      const { gid } = await app.jobs.createJob({ transaction }).addStep(Ping).start();
      transaction.end();
      const since = performance.now();
      await (closing === 'app.close()' ? app.close() : app.dataSource.destroy());
      // What the page about shutdown promises: the grace period, and twice the time of a statement.
      expect(performance.now() - since).toBeLessThan(GRACE_MS + 2 * STATEMENT_MS);
      const told = warn.mock.calls.flat().filter((line) => String(line).includes(gid));
      expect(told).toEqual([expect.stringContaining('recovery will settle it')]);
      expect(told[0]).toContain(`within ${STATEMENT_MS} ms`);

      await app.close();
      await start();
      expect((await app.ended(gid)).status).toBe('succeeded');
    },
  );
});
