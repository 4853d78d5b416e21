import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeBackends } from '../../support/database.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';

/** More than a process with one job at a time keeps places for. */
const MORE_THAN_ALL_PLACES = 600;

describeBackends('places kept for jobs that never come', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, {
      selfTm: { concurrency: 1, leaseDuration: 1000, recoveryInterval: 50 },
    });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  it('are free again: transactions rolled back after a prepare() by hand do not stop the process', async () => {
    const rollback = new Error('no');
    for (let count = 0; count < MORE_THAN_ALL_PLACES; count += 1) {
      const abandoned = app.dataSource.transaction(async () => {
        await app.jobs.createJob().addStep(Ping).prepare();
        throw rollback;
      });
      await expect(abandoned).rejects.toBe(rollback);
    }
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    expect((await app.ended(gid)).status).toBe('succeeded');
    expect(app.recording.executions).toHaveLength(1);
  });
});
