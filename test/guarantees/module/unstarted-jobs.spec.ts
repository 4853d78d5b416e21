import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { Databases } from '../../support/placements.js';
import { Ping, SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

describe('a job that was given steps and never started', () => {
  let databases: Databases;
  let app: TestApplication;
  let warned: string[];

  const start = async (): Promise<void> => {
    app = await TestApplication.start(databases);
  };
  beforeEach(async () => {
    databases = await Databases.create('sqlite', 'one');
    warned = [];
    vi.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => {
      if (String(line).includes('never started')) warned.push(String(line));
    });
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await app?.close();
    await databases?.drop();
  });

  /** Waits for the warning of another such job: those that were forgotten before it have been collected then. */
  const collected = async (): Promise<void> => {
    const { gid } = forgetNow();
    await waitFor(async () => {
      collectGarbage();
      await setImmediate();
      return warned.some((line) => line.includes(gid));
    });
    for (let times = 0; times < 3; times += 1) {
      collectGarbage();
      await setImmediate();
    }
    warned = warned.filter((line) => !line.includes(gid));
  };
  const forgetNow = (): { gid: string } => {
    const { gid } = app.jobs.createJob().addStep(Ping);
    return { gid };
  };

  it('is warned of once for each place in the code', async () => {
    await start();
    const gids: string[] = [];
    const forget = (): void => void gids.push(app.jobs.createJob().addStep(Ping).addStep(Ping).gid);
    const forgetElsewhere = (): void =>
      void gids.push(app.jobs.createJob({ transaction: 'none' }).addStep(Ping).gid);
    for (let times = 0; times < 5; times += 1) forget();
    forgetElsewhere();
    await collected();
    expect(warned).toHaveLength(2);
    for (const line of warned) {
      expect(line).toMatch(/created at .*unstarted-jobs\.spec\.ts:\d+/);
      expect(line).toContain('Call start()');
      expect(gids.some((gid) => line.includes(gid))).toBe(true);
    }
    expect(new Set(warned.map((line) => /spec\.ts:(\d+)/.exec(line)![1])).size).toBe(2);
  });

  it('is warned of after the commit of the transaction that it was to be part of', async () => {
    await start();
    await app.dataSource.transaction(async () => void app.jobs.createJob().addStep(Ping));
    await app.dataSource.transaction(
      async (manager) => void app.jobs.createJob({ transaction: manager }).addStep(Ping),
    );
    await collected();
    expect(warned).toHaveLength(2);
  });

  it('is not warned of where it was started or prepared, or has no steps', async () => {
    await start();
    await app.jobs.createJob().addStep(Ping).start();
    await app.dataSource.transaction(async () => {
      await app.jobs.createJob().addStep(Ping).start();
    });
    const prepare = async (): Promise<() => Promise<void>> => {
      const job = app.jobs.createJob().addStep(Ping);
      await job.prepare();
      return () => job.submit();
    };
    await (
      await app.dataSource.transaction(prepare)
    )();
    app.jobs.createJob();
    await expect(app.jobs.createJob().start()).rejects.toThrow();
    await collected();
    expect(warned).toEqual([]);
  });

  it('is not warned of where addStep() has thrown', async () => {
    await start();
    const wrong = (): unknown =>
      app.jobs
        .createJob()
        .addStep(Ping)
        .addStep(SendEmail, { orderId: Number.NaN } as never);
    expect(wrong).toThrow();
    await collected();
    expect(warned).toEqual([]);
  });

  it('is not warned of where its transaction has failed', async () => {
    await start();
    const { dataSource } = app;
    const forget = (transaction?: Parameters<typeof app.jobs.createJob>[0]): never => {
      app.jobs.createJob(transaction).addStep(Ping);
      throw new Error('no stock');
    };
    await expect(dataSource.transaction(async () => forget())).rejects.toThrow('no stock');
    await expect(dataSource.transaction(async () => forget({ transaction: 'none' }))).rejects.toThrow(
      'no stock',
    );
    await expect(dataSource.transaction(async (manager) => forget({ transaction: manager }))).rejects.toThrow(
      'no stock',
    );
    await dataSource.transaction(async (manager) => {
      await expect(manager.transaction(async () => forget())).rejects.toThrow('no stock');
    });
    await expect(
      dataSource.transaction(async (manager) => {
        await manager.transaction(async () => void app.jobs.createJob().addStep(Ping));
        throw new Error('no stock');
      }),
    ).rejects.toThrow('no stock');
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    expect(() => forget({ transaction: runner })).toThrow('no stock');
    await runner.rollbackTransaction();
    await runner.release();
    await collected();
    expect(warned).toEqual([]);
  });

  it('is not looked for in production', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const registered = vi.spyOn(FinalizationRegistry.prototype, 'register');
    const stacks = vi.spyOn(Error, 'captureStackTrace');
    await start();
    registered.mockClear();
    stacks.mockClear();
    forgetNow();
    expect(registered).not.toHaveBeenCalled();
    expect(stacks).not.toHaveBeenCalled();
  });
});
