import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { dtmBarrierTable } from '../../support/dtm/barrier-table.js';
import { expectNeverRan, expectRanOnce } from '../../support/fates.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';

describeBackends("the self-TM on a barrier table that DTM's script has made", (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, 'two');
    for (const sql of dtmBarrierTable(backend)) await databases.business.query(sql);
    app = await TestApplication.start(databases, { module: { tables: { prefix: '' } } });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  it('tells gids apart that differ in case alone', async () => {
    const start = (gid: string) =>
      app.dataSource.transaction(() => app.jobs.createJob({ gid }).addStep(Ping).start());
    await start('Ph-1');
    await expectRanOnce(app, 'Ph-1');
    // Its process died before the barrier row was written.
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await app.jobs.createJob({ gid: 'PH-1', transaction: runner }).addStep(Ping).prepare();
    await runner.rollbackTransaction();
    await runner.release();
    await expectNeverRan(app, 'PH-1');
    await start('ph-1');
    await expectRanOnce(app, 'ph-1');
    const dated = await databases.business.query('SELECT gid FROM barrier WHERE create_time IS NOT NULL');
    expect(dated).toHaveLength(3);
  });
});
