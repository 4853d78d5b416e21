import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { InvalidOptionError } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { fence } from '../../support/fates.js';
import { Ping, SendEmail } from '../../support/steps.js';
import { makeDue } from '../../support/stored-job.js';

const HOUR = 3600_000;

describeManagers(
  'a delayed job',
  (backend, placement) => {
    let databases: Databases;
    const apps: TestApplication[] = [];
    const start = async (selfTm = {}): Promise<TestApplication> => {
      const app = await TestApplication.start(databases, { selfTm });
      apps.push(app);
      return app;
    };

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterEach(async () => {
      for (const app of apps.splice(0)) await app.close();
    });
    afterAll(() => databases?.drop());

    const later = (app: TestApplication, delay: number | string) =>
      app.dataSource.transaction(async () =>
        app.jobs.createJob({ delay }).addStep(Ping).addStep(SendEmail, { orderId: '1' }).start(),
      );

    it('waits by the clock of the database, and survives a restart', async ({ skip }) => {
      if (isAtDtm(placement)) skip('it waits by the clock of DTM; see the next test');
      const first = await start();
      const { gid } = await later(first, '1h');
      await fence(first);
      expect(first.recording.of(gid)).toEqual([]);
      const job = (await first.admin.find(gid))!;
      expect(job).toMatchObject({
        status: 'submitted',
        steps: [{ status: 'waiting', attempts: 0 }, { status: 'pending' }],
      });
      const wait = job.dueAt!.getTime() - job.createdAt.getTime();
      expect(wait).toBeGreaterThan(HOUR - 100);
      // In another database the delay begins with the commit, a moment after the row was written.
      expect(wait).toBeLessThan(HOUR + 5000);
      await apps.pop()!.close();

      const second = await start();
      await fence(second);
      expect(second.recording.of(gid)).toEqual([]);
      await makeDue(databases, gid);
      expect((await second.ended(gid)).status).toBe('succeeded');
      expect(second.recording.trace(gid)).toEqual(['ping#1', 'send-email#1']);
    });

    it('waits at DTM in whole seconds, and survives a restart of the application', async ({ skip }) => {
      if (!isAtDtm(placement)) skip('DTM only');
      const first = await start();
      const began = Date.now();
      const { gid } = await later(first, '3s');
      await fence(first);
      expect(await first.admin.find(gid)).toMatchObject({
        status: 'submitted',
        steps: [{ status: 'waiting', attempts: 0 }, { status: 'pending' }],
      });
      expect(first.recording.of(gid)).toEqual([]);
      await apps.pop()!.close();

      const second = await start();
      let ranAt = 0;
      second.recording.onExecute = ({ step }) => {
        if (step === 'ping') ranAt = Date.now();
      };
      expect((await second.ended(gid)).status).toBe('succeeded');
      expect(ranAt - began).toBeGreaterThanOrEqual(3000);
      expect(second.recording.trace(gid)).toEqual(['ping#1', 'send-email#1']);
    });

    it('starts when its time has come, however rarely recovery looks', async () => {
      const app = await start({ recoveryInterval: '1h' });
      const began = performance.now();
      let ranAfter = 0;
      app.recording.onExecute = ({ step }) => {
        if (step === 'ping') ranAfter = performance.now() - began;
      };
      const { gid } = await later(app, 400);
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(ranAfter).toBeGreaterThanOrEqual(395);
      expect(app.recording.trace(gid)).toEqual(['ping#1', 'send-email#1']);
    });

    it('has a delay that can be', async () => {
      const app = await start();
      for (const delay of [-1, Number.NaN, 'soon', '5', Infinity]) {
        expect(() => app.jobs.createJob({ delay }), String(delay)).toThrow(InvalidOptionError);
      }
    });
  },
  { atDtm: ['postgres'] },
);
