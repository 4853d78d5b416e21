import { afterEach, expect, it } from 'vitest';
import {
  InvalidGidError,
  JobNotFoundError,
  UnrecoverableStepError,
  type JobExplanation,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases, describePlacements } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';
import { makeDue } from '../../support/stored-job.js';
import { suiteApplication } from '../../support/suite-application.js';
import { waitFor } from '../../support/wait-for.js';

const codes = ({ reasons }: JobExplanation): string[] => reasons.map(({ code }) => code);

describeBackends('explain()', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    module: { retry: { delay: '1h', jitter: false } },
  });
  afterEach(() => {
    app.recording.onExecute = () => undefined;
  });

  it('tells of a delayed job when it starts, by the clock of the store', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    const explanation = await app.admin.explain(gid);
    expect(explanation).toMatchObject({ gid, status: 'submitted', step: 'ping' });
    expect(codes(explanation)).toEqual(['DELAYED']);
    expect(explanation.reasons[0]!.until).toEqual((await app.admin.find(gid))!.dueAt);
    expect(explanation.reasons[0]!.text).toMatch(/\(in (?:59 min \d+ s|1 h)\)/);
    await app.admin.cancel(gid);
    expect(codes(await app.admin.explain(gid))).toEqual(['ENDED']);
  });

  it('tells of a failed attempt why it failed, and when the next one is due', async () => {
    app.recording.onExecute = () => {
      throw new Error('the printer is out of paper');
    };
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    const explanation = await waitFor(async () => {
      const found = await app.admin.explain(gid);
      return found.reasons[0]!.code === 'BACKING_OFF' && found;
    });
    expect(explanation.reasons[0]!.text).toContain(
      "Attempt 1 of step 0 ('ping') failed: Error: the printer is out of paper. Attempt 2 is due at",
    );
    await app.admin.cancel(gid);
  });

  it('tells which process holds a job', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    app.recording.onExecute = () => held;
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await waitFor(() => app.recording.of(gid).length === 1);
    const other = await TestApplication.start(databases, { selfTm: { runSteps: false } });
    try {
      for (const [from, alive] of [
        [app, true],
        [other, null],
      ] as const) {
        const { reasons } = await from.admin.explain(gid);
        expect(reasons).toHaveLength(1);
        expect(reasons[0]).toMatchObject({ code: 'HELD_BY', until: expect.any(Date) });
        if (alive === true) expect(reasons[0]!.process).toMatchObject({ alive, name: expect.any(String) });
      }
      const ids = [await app.admin.explain(gid), await other.admin.explain(gid)].map(
        ({ reasons }) => reasons[0]!.process!.id,
      );
      expect(ids[0]).toBe(ids[1]);
    } finally {
      await other.close();
      release();
    }
    await app.ended(gid);
    const explanation = await app.admin.explain(gid);
    expect(explanation).toMatchObject({ status: 'succeeded', step: null });
    expect(codes(explanation)).toEqual(['ENDED']);
  });

  it('tells of a job that nobody runs that no process provides its step, and not that it is next', async () => {
    const { gid } = await app.jobs.createJob().addStep('nobody-has-this').start();
    const explanation = await waitFor(async () => {
      const found = await app.admin.explain(gid);
      return codes(found).includes('NO_PROCESS_PROVIDES_STEP') && found;
    });
    expect(codes(explanation)).toEqual(['NO_PROCESS_PROVIDES_STEP']);
    expect(explanation).toMatchObject({ status: 'submitted', step: 'nobody-has-this' });
    await app.admin.cancel(gid);
  });

  it('tells of arguments that a process cannot read', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    const placeholder = backend === 'postgres' ? '$1' : '?';
    await databases.store.query(`UPDATE stepping_jobs SET steps = '{' WHERE gid = ${placeholder}`, [gid]);
    await makeDue(databases, gid);
    const explanation = await waitFor(async () => {
      const found = await app.admin.explain(gid);
      return found.reasons[0]!.code === 'ARGUMENTS_DO_NOT_FIT' && found.reasons[0]!.until && found;
    });
    expect(explanation.reasons[0]!.text).toContain('its steps are no JSON');
    expect(explanation.reasons[0]!.until).toBeInstanceOf(Date);
    await app.admin.cancel(gid);
  });

  it('tells of a failed job at which step, and after how many attempts', async () => {
    app.recording.onExecute = () => {
      throw new UnrecoverableStepError('no such customer');
    };
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await app.ended(gid);
    const explanation = await app.admin.explain(gid);
    expect(explanation).toMatchObject({ status: 'failed', step: 'ping' });
    expect(codes(explanation)).toEqual(['ENDED']);
    expect(explanation.reasons[0]!.text).toContain(
      "at step 0 ('ping'), after 1 attempt: UnrecoverableStepError: no such customer.",
    );
  });

  it('refuses a gid without a job, and what is no gid', async () => {
    await expect(app.admin.explain('nobody')).rejects.toThrow(JobNotFoundError);
    await expect(app.admin.explain("'; DROP")).rejects.toThrow(InvalidGidError);
  });
});

describePlacements(
  'explain() of a job whose transaction is open',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      selfTm: { queryPreparedAfter: '1m' },
    });

    it('tells in which database', async () => {
      const { gid } = await app.dataSource.transaction(async () => {
        const job = await app.jobs.createJob().addStep(Ping).start();
        const explanation = await app.admin.explain(job.gid);
        expect(codes(explanation)).toEqual(['PREPARED_UNRESOLVED']);
        expect(explanation.reasons[0]!.text).toContain("in the DataSource 'default'");
        return job;
      });
      await app.ended(gid);
      expect(codes(await app.admin.explain(gid))).toEqual(['ENDED']);
    });
  },
  undefined,
  ['two'],
);
