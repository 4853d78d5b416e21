import { registerDecorator } from 'class-validator';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Step, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { expectRanOnce, startPing } from '../../support/fates.js';
import { Order } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';

class Payment {
  customer!: string;
}
registerDecorator({
  name: 'exists',
  async: true,
  target: Payment,
  propertyName: 'customer',
  validator: { validate: () => new Promise<boolean>(() => {}) },
});

@Step({ name: 'pay', args: Payment })
class Pay implements StepHandler<Payment> {
  execute(_: Payment): void {}
}

describeBackends('an asynchronous constraint that never answers', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, { providers: [Pay] });
  });
  afterEach(async () => {
    await app.close();
    await databases.drop();
  });

  it('refuses the start after ten seconds, and lets COMMIT and ROLLBACK go on', async () => {
    const pay = () => app.jobs.createJob().addStep(Pay, { customer: 'ada' });
    const late = {
      name: 'InvalidStepArgumentsError',
      stepName: 'pay',
      path: 'args',
      reason: expect.stringContaining('has not settled within 10000 ms') as string,
    };
    const [awaited, left, forgotten] = [pay(), pay(), pay()];
    let starting: Promise<unknown> | undefined;
    const outcomes = [
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'awaited' });
        await awaited.start();
      }),
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'left' });
        starting = left.start().catch((error: unknown) => error);
        throw new Error('gave up');
      }),
      app.dataSource.transaction(async (manager) => {
        await manager.insert(Order, { id: 'forgotten' });
        void forgotten.start().catch(() => undefined);
      }),
    ].map((outcome) => outcome.catch((error: unknown) => error));

    expect(await outcomes[0]).toMatchObject(late);
    expect(await outcomes[1]).toMatchObject({ message: 'gave up' });
    expect(await starting).toMatchObject(late);
    expect(await outcomes[2]).toBeInstanceOf(Error);
    expect(await app.count(Order)).toBe(0);
    const gid = await app.dataSource.transaction(() => startPing(app));
    await expectRanOnce(app, gid);
  });
});
