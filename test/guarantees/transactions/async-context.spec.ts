import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { Limited, Ping, ReserveStock } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const request = new AsyncLocalStorage<string>();
const tenant = new AsyncLocalStorage<string>();

describeManagers(
  'the context of the request that starts a job',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    const seen: (string | undefined)[] = [];

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      // Whatever the library starts with its first job (timers, queues), it starts in a request.
      app = await request.run('the bootstrap', () => TestApplication.start(databases));
      app.recording.onExecute = ({ step, attempt }) => {
        seen.push(request.getStore());
        if (step === 'limited' && attempt === 1) throw new Error('again');
      };
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });

    it('is not the context of its steps', async () => {
      const gids = await request.run('a request', async () => {
        const joined = await app.dataSource.transaction(async () =>
          app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).addStep(Limited).addStep(Ping).start(),
        );
        const alone = await app.jobs
          .createJob({ transaction: 'none' })
          .addStep(Limited)
          .addStep(Ping)
          .start();
        const delayed = await app.jobs.createJob({ delay: 20 }).addStep(Ping).start();
        return [joined.gid, alone.gid, delayed.gid];
      });
      for (const gid of gids) expect((await app.ended(gid)).status).toBe('succeeded');
      expect(seen).toHaveLength(8);
      expect(seen.filter((value) => value !== undefined)).toEqual([]);
    });

    it('nor is its transaction: a job that a step starts is one of its own', async () => {
      let inner = '';
      app.recording.onExecute = async ({ step }) => {
        if (step === 'reserve-stock') inner = (await app.jobs.createJob().addStep(Ping).start()).gid;
      };
      const { gid } = await app.dataSource.transaction(async () =>
        app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start(),
      );
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect((await app.ended(inner)).status).toBe('succeeded');
    });

    it('nor are its objects: steps get what was stored', async () => {
      app.recording.onExecute = () => undefined;
      const args = { orderId: 'as stored' };
      const { gid } = await app.dataSource.transaction(async () => {
        const job = await app.jobs.createJob().addStep(ReserveStock, args).start();
        args.orderId = 'changed later';
        return job;
      });
      await waitFor(() => app.recording.of(gid).length === 1);
      expect(app.recording.of(gid)[0]!.args).toEqual({ orderId: 'as stored' });
      expect(app.recording.of(gid)[0]!.args).not.toBe(args);
    });
  },
  { atDtm: ['postgres'] },
);

/** Called before anything is awaited, so that it is still the library's own call. */
describeBackends('what a step enters before its first await', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, { selfTm: { leaseDuration: '30s' } });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });

  it('is seen by no other job', async () => {
    const seen: (string | undefined)[] = [];
    app.recording.onExecute = ({ gid }) => {
      seen.push(tenant.getStore());
      tenant.enterWith(gid);
    };
    const gids = await app.dataSource.transaction(async () => [
      (await app.jobs.createJob().addStep(Ping).addStep(Ping).start()).gid,
      (await app.jobs.createJob().addStep(Ping).addStep(Ping).start()).gid,
    ]);
    for (const gid of gids) expect((await app.ended(gid)).status).toBe('succeeded');
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('is no transaction of other jobs, where it begins one', async () => {
    let [begun, end] = [false, (): void => undefined];
    const ended = new Promise<void>((resolve) => (end = resolve));
    const inTransaction = async (): Promise<void> => {
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      begun = true;
      await ended;
      await runner.rollbackTransaction();
      await runner.release();
    };
    let inner: string | undefined;
    app.recording.onExecute = ({ step, gid }) => {
      if (gid === 'begins') return inTransaction();
      if (step !== 'limited') return undefined;
      return app.jobs
        .createJob()
        .addStep(Ping)
        .start()
        .then((job) => (inner = job.gid));
    };
    // One transaction, so that their steps begin one after the other in the same call.
    await app.dataSource.transaction(async () => {
      await app.jobs.createJob({ gid: 'begins' }).addStep(Ping).start();
      await app.jobs.createJob({ gid: 'starts' }).addStep(Limited).start();
    });
    await waitFor(() => begun);
    const alone = app.jobs.createJob({ transaction: 'none', gid: 'alone' }).addStep(Ping).start();
    // On SQLite it waits for the transaction that is open on the only connection.
    if (backend !== 'sqlite') await alone;
    await new Promise((resolve) => setTimeout(resolve, 50));
    end();
    await alone;
    for (const gid of ['begins', 'starts', 'alone']) {
      expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
    }
    expect((await app.ended(inner!)).status).toBe('succeeded');
  });
});
