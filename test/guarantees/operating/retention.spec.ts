import { afterAll, beforeAll, expect, it } from 'vitest';
import { UnrecoverableStepError } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { BusinessEffect } from '../../support/business-effect.step.js';
import { Ping, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

describePlacements('the retention', (backend, placement) => {
  let databases: Databases;
  let keeping: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, placement);
    keeping = await TestApplication.start(databases, {
      providers: placement === 'two' ? [BusinessEffect] : [],
      selfTm: { queryPreparedAfter: '1m' },
    });
  });
  afterAll(async () => {
    await keeping?.close();
    await databases?.drop();
  });

  const place = (delay = 0) =>
    keeping.dataSource.transaction(async () => keeping.jobs.createJob({ delay }).addStep(Ping).start());
  const barriers = async () =>
    (await databases.business.query<{ gid: string }>('SELECT DISTINCT gid FROM stepping_barrier')).map(
      ({ gid }) => gid,
    );

  it('deletes what has ended, with its barrier rows, and keeps what has failed or lives', async () => {
    const succeeded = await place();
    keeping.recording.onExecute = ({ step }) => {
      if (step === 'send-email') throw new UnrecoverableStepError('no');
    };
    const failed = await keeping.dataSource.transaction(async () =>
      keeping.jobs.createJob().addStep(SendEmail, { orderId: '1' }).start(),
    );
    await keeping.ended(succeeded.gid);
    const canceled = await place(3600_000);
    const living = await place(3600_000);
    await waitFor(async () => (await keeping.admin.find(canceled.gid))?.status === 'submitted');
    await keeping.admin.cancel(canceled.gid);
    expect((await keeping.ended(failed.gid)).status).toBe('failed');
    let rolledBack = '';
    await keeping.dataSource
      .transaction(async () => {
        rolledBack = (await keeping.jobs.createJob().addStep(Ping).start()).gid;
        throw new Error('no');
      })
      .catch(() => undefined);
    if (placement === 'two')
      await waitFor(async () => (await keeping.admin.find(rolledBack))?.status === 'rolledBack');

    // A week is the default: nothing of this is old enough for the application that has run it.
    for (const gid of [succeeded.gid, canceled.gid]) expect(await keeping.admin.find(gid)).not.toBeNull();
    const before = placement === 'two' ? await barriers() : [];
    if (placement === 'two')
      expect(before).toEqual(expect.arrayContaining([succeeded.gid, canceled.gid, living.gid, failed.gid]));

    const sweeping = await TestApplication.start(databases, {
      providers: placement === 'two' ? [BusinessEffect] : [],
      selfTm: { retention: 0 },
    });
    try {
      for (const gid of [succeeded.gid, canceled.gid, rolledBack]) {
        await waitFor(async () => (await keeping.admin.find(gid)) === null, { message: `the end of ${gid}` });
      }
      expect((await keeping.admin.find(failed.gid))!.status).toBe('failed');
      expect((await keeping.admin.find(living.gid))!.status).toBe('submitted');
      if (placement === 'two')
        expect((await barriers()).toSorted()).toEqual([failed.gid, living.gid].toSorted());
      // Canceled, the failed one goes as well.
      await keeping.admin.cancel(failed.gid);
      await waitFor(async () => (await keeping.admin.find(failed.gid)) === null);
    } finally {
      await sweeping.close();
    }
  });

  if (placement === 'one') return;

  it('deletes the done-marks of transactional steps in other databases', async () => {
    const { gid } = await keeping.jobs.createJob().addStep(BusinessEffect, { orderId: 'marked' }).start();
    expect((await keeping.ended(gid)).status).toBe('succeeded');
    expect(await barriers()).toContain(gid);
    const sweeping = await TestApplication.start(databases, {
      providers: [BusinessEffect],
      selfTm: { retention: 0 },
    });
    try {
      await waitFor(async () => (await keeping.admin.find(gid)) === null);
      expect(await barriers()).not.toContain(gid);
    } finally {
      await sweeping.close();
    }
  });
});
