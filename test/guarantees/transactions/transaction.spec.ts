import { expect, it } from 'vitest';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { Order } from '../../support/order.entity.js';
import { waitFor } from '../../support/wait-for.js';
import { ReserveStock, SendEmail } from '../../support/steps.js';

describeManagers('a job in a transaction', (backend, placement) => {
  let app: TestApplication;
  suiteApplication(backend, placement, (started) => ({ app } = started));

  it('runs its steps in order after the commit', async () => {
    const { gid } = await app.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: 'committed' });
      return app.jobs
        .createJob()
        .addStep(ReserveStock, { orderId: 'committed' })
        .addStep(SendEmail, { orderId: 'committed' })
        .start();
    });
    const job = await app.ended(gid);
    expect(job.status).toBe('succeeded');
    expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'send-email#1']);
  });

  it('never runs when the transaction rolls back', async () => {
    let gid = '';
    const failure = new Error('no');
    await expect(
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'rolled-back' });
        ({ gid } = await app.jobs.createJob().addStep(SendEmail, { orderId: 'rolled-back' }).start());
        throw failure;
      }),
    ).rejects.toBe(failure);
    const later = await app.jobs
      .createJob({ transaction: 'none' })
      .addStep(SendEmail, { orderId: 'x' })
      .start();
    await app.ended(later.gid);
    expect(app.recording.of(gid)).toEqual([]);
    await waitFor(async () => ((await app.admin.find(gid))?.status ?? 'rolledBack') === 'rolledBack');
  });
});
