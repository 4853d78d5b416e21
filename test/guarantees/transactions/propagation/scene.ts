import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { TestApplication } from '../../../support/application.js';
import type { Databases } from '../../../support/placements.js';
import { expectNeverRan, expectRanOnce } from '../../../support/fates.js';
import { Ping } from '../../../support/steps.js';
import type { Fate } from './fates.js';

/** A library that opens transactions by a `@Transactional()` of its own, on the `DataSource` of an application. */
export interface TransactionLibrary {
  /** Runs `work` as a method that is decorated with this propagation. */
  run(propagation: string, work: () => Promise<void>): Promise<void>;
  /** Writes an order the library's own way, with no manager passed. */
  write(id: string): Promise<void>;
  close(): Promise<void>;
}

/** An order, and the job that was started after it was written. */
export interface Written {
  id?: string;
  gid?: string;
}

/** An application whose methods write orders and start jobs, and which tells what became of both. */
export class Scene {
  constructor(
    readonly app: TestApplication,
    private readonly databases: Databases,
    readonly library: TransactionLibrary,
  ) {}

  /** Fills in `written` as it goes, so that a failure on the way shows. */
  async write(written: Written, transaction?: 'none'): Promise<void> {
    const id = randomUUID();
    await this.library.write(id);
    written.id = id;
    const job = this.app.jobs.createJob(transaction && { transaction }).addStep(Ping);
    written.gid = (await job.start()).gid;
  }

  /** Reads the orders past TypeORM, and gives every job that must not run the time to run. */
  async expectFates(...fates: readonly (readonly [written: Written, fate: Fate])[]): Promise<void> {
    const rows = await this.databases.business.query<{ id: string }>('SELECT id FROM orders');
    const ids = new Set(rows.map(({ id }) => id));
    const lost: string[] = [];
    for (const [written, fate] of fates) {
      const called = fate !== 'not called';
      expect(written.id !== undefined).toBe(called);
      expect(written.gid !== undefined).toBe(called && !fate.endsWith('job refused'));
      if (!called) continue;
      const orderStays = ['kept', 'only the order', 'order kept, job refused'].includes(fate);
      expect({ orderStays: ids.has(written.id!) }).toEqual({ orderStays });
      if (!written.gid) continue;
      if (fate === 'kept' || fate === 'only the job') await expectRanOnce(this.app, written.gid);
      else lost.push(written.gid);
    }
    if (lost.length > 0) await expectNeverRan(this.app, ...lost);
  }
}
