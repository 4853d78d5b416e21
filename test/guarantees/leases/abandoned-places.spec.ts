import { expect, it } from 'vitest';
import { describeBackends } from '../../support/database.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import {} from '../../support/placements.js';
import { Ping } from '../../support/steps.js';

/** More than a process with one job at a time keeps places for. */
const MORE_THAN_ALL_PLACES = 600;

describeBackends('places kept for jobs that never come', (backend) => {
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ app } = started), {
    selfTm: { concurrency: 1, leaseDuration: 1000, recoveryInterval: 50 },
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
