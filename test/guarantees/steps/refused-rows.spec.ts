import { Logger } from '@nestjs/common';
import { beforeAll, expect, it, vi } from 'vitest';
import { InvalidOptionError, ProgressRefusedError } from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { describeBackends, exceptOnTidb, onTidb, type Backend } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Limited, Ping } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

/** Refuses texts with an accent, and the success of some jobs: what an encoding, or a trigger of the user's, may do. */
const refused = (end: string) =>
  `(NEW.error LIKE '%é%' OR (NEW.gid LIKE 'stuck%' AND NEW.status = 'succeeded')) ${end}`;
const TRIGGERS: Record<Backend, readonly string[]> = {
  postgres: [
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF ${refused('THEN')} RAISE 'refused'; END IF; RETURN NEW; END $$`,
    'CREATE TRIGGER refuse BEFORE UPDATE ON stepping_jobs FOR EACH ROW EXECUTE FUNCTION refuse()',
  ],
  mariadb: [
    `CREATE TRIGGER refuse BEFORE UPDATE ON stepping_jobs FOR EACH ROW
       IF ${refused('THEN')} SIGNAL SQLSTATE '45000'; END IF`,
  ],
  sqlite: [
    `CREATE TRIGGER refuse BEFORE UPDATE ON stepping_jobs WHEN ${refused('')}
       BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  ],
};

const itRefused = exceptOnTidb('it has no triggers');

describeBackends('a row that the database refuses to write', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  const onJobFailed = vi.fn();
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), { module: { onJobFailed } });
  beforeAll(async () => {
    for (const sql of onTidb ? [] : TRIGGERS[backend]) await databases.store.query(sql);
  });

  const create = (gid: string) => app.jobs.createJob({ gid, transaction: 'none' });

  itRefused('is written again without the text that was refused, and attempts count as ever', async () => {
    app.recording.onExecute = ({ step }) => {
      if (step === 'limited') throw new Error('refusé');
    };
    const { gid } = await create('text').addStep(Limited).start();
    const job = await app.ended(gid);
    expect(job.status).toBe('failed');
    expect(app.recording.trace(gid)).toEqual(['limited#1', 'limited#2', 'limited#3']);
    // What is encoded is not refused.
    expect(job.error).toContain(codecIsOn ? 'refusé' : 'refus\\u{e9}');
  });

  itRefused(
    'fails its own job after some tries, is reported once, and holds nobody up',
    async () => {
      await create('stuck').addStep(Ping).start();
      const beside = await create('beside').addStep(Ping).start();
      expect((await app.ended(beside.gid)).status).toBe('succeeded');
      await waitFor(() => onJobFailed.mock.calls.some(([{ gid }]) => gid === 'stuck'), { timeout: 20_000 });
      const job = (await app.admin.find('stuck'))!;
      expect(job).toMatchObject({ status: 'failed', error: expect.stringContaining('ProgressRefusedError') });
      expect(job.error).toMatch(/caused by .*refuse|caused by .*45000|caused by .*Unhandled/);
      expect(app.recording.trace('stuck')).toEqual(['ping#1']);
      expect(onJobFailed.mock.calls.at(-1)![1]).toBeInstanceOf(ProgressRefusedError);
    },
    30_000,
  );

  itRefused('does not keep a process from closing, which leaves the job to others', async () => {
    const errors = vi.spyOn(Logger.prototype, 'error');
    const other = await TestApplication.start(databases, {});
    const { gid } = await other.jobs.createJob({ gid: 'stuck-2', transaction: 'none' }).addStep(Ping).start();
    await waitFor(() =>
      errors.mock.calls.flat().some((line) => String(line).includes(`of job ${gid}, which`)),
    );
    errors.mockRestore();
    await other.close();
    // Whoever waits until no more tries are left has seen it fail.
    expect((await app.admin.find(gid))!.status).toBe('submitted');
    expect(other.recording.trace(gid)).toEqual(['ping#1']);
  });

  it.each(['', ' a', 'a ', 'a\0b', 'a\nb', 'x'.repeat(256), 'a\ud800'])(
    'is no name of a step or a job: %j',
    (name) => {
      expect(() => app.jobs.createJob().addStep(name)).toThrow(InvalidOptionError);
      expect(() => app.jobs.createJob({ name })).toThrow(InvalidOptionError);
    },
  );
});
