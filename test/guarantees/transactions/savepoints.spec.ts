import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { expectNeverRan, expectRanOnce, startPing } from '../../support/fates.js';

describeManagers('savepoints', (backend, placement) => {
  let app: TestApplication;
  suiteApplication(backend, placement, (started) => ({ app } = started));

  /** Starts a job in a nested transaction that is rolled back to its savepoint. */
  async function startAndRollBack(manager: {
    transaction(work: () => Promise<void>): Promise<void>;
  }): Promise<string> {
    let gid = '';
    const nested = manager.transaction(async () => {
      gid = await startPing(app);
      throw new Error('to the savepoint');
    });
    await expect(nested).rejects.toThrow('to the savepoint');
    return gid;
  }

  it('takes the jobs of a savepoint that is rolled back with it, and no others', async () => {
    const kept: string[] = [];
    let gone = '';
    await app.dataSource.transaction(async (manager) => {
      kept.push(await startPing(app));
      await manager.transaction(async () => void kept.push(await startPing(app)));
      gone = await startAndRollBack(manager);
      await manager.transaction(async () => void kept.push(await startPing(app)));
      kept.push(await startPing(app));
    });
    for (const gid of kept) await expectRanOnce(app, gid);
    await expectNeverRan(app, gone);
  });

  it('takes the jobs of savepoints inside of it, also of released ones', async () => {
    const gone: string[] = [];
    let kept = '';
    await app.dataSource.transaction(async (outer) => {
      kept = await startPing(app);
      const middle = outer.transaction(async (manager) => {
        gone.push(await startPing(app));
        await manager.transaction(async () => void gone.push(await startPing(app)));
        throw new Error('middle');
      });
      await expect(middle).rejects.toThrow('middle');
    });
    await expectRanOnce(app, kept);
    await expectNeverRan(app, ...gone);
  });

  it('runs nothing before the outermost commit, and nothing at all when that is a rollback', async () => {
    const gids: string[] = [];
    const outer = app.dataSource.transaction(async (manager) => {
      await manager.transaction(async () => void gids.push(await startPing(app)));
      await manager.transaction(async (nested) => {
        await nested.transaction(async () => void gids.push(await startPing(app)));
      });
      throw new Error('outermost');
    });
    await expect(outer).rejects.toThrow('outermost');
    await expectNeverRan(app, ...gids);
  });

  it('does the same on a QueryRunner of the caller’s own', async () => {
    const runner = app.dataSource.createQueryRunner();
    const start = async () => (await app.jobs.createJob({ transaction: runner }).addStep('ping').start()).gid;
    await runner.startTransaction();
    const before = await start();
    await runner.startTransaction();
    const inside = await start();
    await runner.rollbackTransaction();
    const after = await start();
    await runner.startTransaction();
    const released = await start();
    await runner.commitTransaction();
    await runner.commitTransaction();
    await runner.release();
    for (const gid of [before, after, released]) await expectRanOnce(app, gid);
    await expectNeverRan(app, inside);
  });

  it('knows the jobs of a savepoint that was rolled back behind TypeORM’s back', async () => {
    let gone = '';
    let kept = '';
    await app.dataSource.transaction(async (manager) => {
      kept = await startPing(app);
      await manager.query('SAVEPOINT mine');
      gone = await startPing(app);
      await manager.query('ROLLBACK TO SAVEPOINT mine');
    });
    await expectRanOnce(app, kept);
    await expectNeverRan(app, gone);
  });
});
