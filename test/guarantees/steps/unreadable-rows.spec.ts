import { Logger } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import { DuplicateGidError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends, itOn } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { makeDue, storedJob } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';

const DAMAGED = ['{{{', 'null', '5', '[]', '[null]', '[{"name":"ping"}]', '""'];

describeBackends('a row that cannot be read', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started));
  const start = (gid: string, delay = 0) =>
    app.jobs.createJob({ gid, transaction: 'none', delay }).addStep(Ping).start();
  const damage = (gid: string, change: string) =>
    databases.store.query(`UPDATE stepping_jobs SET ${change} WHERE gid = '${gid}'`);

  it.each(DAMAGED.map((steps, index) => [steps, `damaged-${index}`]))(
    'fails alone and visibly: steps %j',
    async (steps, gid) => {
      await start(gid, 3600_000);
      await damage(gid, `steps = '${steps}'`);
      await makeDue(databases, gid, 5);
      await waitFor(async () => (await storedJob(databases, gid))?.error != null);
      const stored = (await storedJob(databases, gid))!;
      expect(stored).toMatchObject({ status: 'submitted', attempts: 0, owner: null });
      expect(stored.error).toContain('UnreadableJobError');
      const beside = await start(`beside-${gid}`);
      expect((await app.ended(beside.gid)).status).toBe('succeeded');

      const shown = { gid, status: 'submitted', steps: [], error: expect.stringContaining('cannot be read') };
      expect(await app.admin.find(gid)).toMatchObject(shown);
      const { jobs } = await app.admin.list();
      expect(jobs.find((job) => job.gid === gid)).toMatchObject(shown);
      expect(app.admin.recovery().error).toBeNull();
      await expect(start(gid)).rejects.toBeInstanceOf(DuplicateGidError);
    },
  );

  it('runs when it was mended', async () => {
    await damage('damaged-0', `steps = '[{"step":"ping"}]'`);
    await makeDue(databases, 'damaged-0');
    expect(await app.ended('damaged-0')).toMatchObject({ status: 'succeeded', error: null });
  });

  it('may name a step that differs by a space at the end, and is left alone', async () => {
    await start('space', 3600_000);
    await damage('space', `step_name = 'ping ', steps = '[{"step":"ping "}]'`);
    await makeDue(databases, 'space', 60);
    const due = async () => (await app.admin.find('space'))!.dueAt!.getTime();
    const before = await due();
    await start('beside-space', 100);
    expect((await app.ended('beside-space')).status).toBe('succeeded');
    expect(await due()).toBe(before);
    expect((await app.admin.list({ step: 'ping', status: 'submitted' })).jobs).not.toContainEqual(
      expect.objectContaining({ gid: 'space' }),
    );
  });

  it('may have another step than its row says, and is put off', async () => {
    await start('other', 3600_000);
    await damage('other', `steps = '[{"step":"elsewhere"}]'`);
    await makeDue(databases, 'other', 5);
    const put = async () => (await app.admin.find('other'))!;
    await waitFor(async () => {
      const { dueAt, steps } = await put();
      return steps[0]!.status === 'waiting' && dueAt!.getTime() > Date.now() + 5_000;
    });
    expect((await put()).steps).toMatchObject([{ name: 'elsewhere', attempts: 0 }]);
  });

  it('may stand at a step that it does not have', async () => {
    await start('beyond', 3600_000);
    await damage('beyond', 'step_index = 7');
    await makeDue(databases, 'beyond', 5);
    await waitFor(async () => (await storedJob(databases, 'beyond'))?.error?.includes('it has no step 7'));
  });

  itOn(backend, 'postgres')('may be parked until infinity, which lists show', async () => {
    await start('parked', 3600_000);
    await damage('parked', `due_at = 'infinity', created_at = '-infinity'`);
    const never = new Date('9999-12-31T23:59:59.999Z');
    expect(await app.admin.find('parked')).toMatchObject({ status: 'submitted', dueAt: never });
    const { jobs } = await app.admin.list();
    expect(jobs.find(({ gid }) => gid === 'parked')?.createdAt.getUTCFullYear()).toBe(1);
  });

  itOn(backend, 'postgres')('may be due since ever, and is claimed', async () => {
    const errors = vi.spyOn(Logger.prototype, 'error');
    await start('since-ever', 3600_000);
    await damage('since-ever', `due_at = '-infinity'`);
    expect((await app.ended('since-ever')).status).toBe('succeeded');
    expect(errors.mock.calls.flat().join()).not.toContain('Recovery cannot reach');
    errors.mockRestore();
  });

  it('may have counted as many crashes as its column holds, and stops no claim', async () => {
    await start('crashes', 3600_000);
    const expired = { sqlite: '1', postgres: "'2020-01-01 00:00:00Z'", mariadb: "'2020-01-01'" }[backend];
    await damage('crashes', `crashes = 2147483647, mark = 'begun', owner = 'gone', due_at = ${expired}`);
    const beside = await start('beside-crashes', 100);
    expect((await app.ended(beside.gid)).status).toBe('succeeded');
    expect(app.admin.recovery().error).toBeNull();
    expect((await app.ended('crashes')).status).toBe('failed');
  });

  it('can be canceled', async () => {
    await app.admin.cancel('damaged-1');
    expect((await app.admin.find('damaged-1'))?.status).toBe('canceled');
  });
});
