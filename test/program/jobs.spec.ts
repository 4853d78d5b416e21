import { beforeEach, expect, it } from 'vitest';
import { SteppingOperations, UnrecoverableStepError } from '../../lib/index.js';
import type { TestApplication } from '../support/application.js';
import { testCodec } from '../support/codec.js';
import { describeBackends } from '../support/database.js';
import type { Databases } from '../support/placements.js';
import { connectionOf, runProgram, runProgramHere, type ProgramOutcome } from '../support/program.js';
import { Ping, ReserveStock, SendEmail } from '../support/steps.js';
import { makeDue } from '../support/stored-job.js';
import { suiteApplication } from '../support/suite-application.js';
import { waitFor } from '../support/wait-for.js';

const SECRET = 'the argument that nobody asked for';

/** A row that the library would not have written. */
async function copyJob({ store }: Databases, gid: string, copy: string, args?: string): Promise<void> {
  const bind = (at: number) => (store.backend === 'postgres' ? `$${at}` : '?');
  const steps = args === undefined ? 'steps' : `'[{"step":"nobody","args":${args}}]'`;
  const others = 'status, step_index, step_name, attempts, created_at, due_at';
  await store.query(
    `INSERT INTO stepping_jobs (gid, steps, ${others})
     SELECT ${bind(1)}, ${steps}, ${others} FROM stepping_jobs WHERE gid = ${bind(2)}`,
    [copy, gid],
  );
}

describeBackends('the program beside an application', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    module: { retry: { delay: '1h', jitter: false } },
  });
  beforeEach(() => {
    app.recording.onExecute = () => undefined;
  });

  const run = (...args: string[]): Promise<ProgramOutcome> =>
    runProgramHere([...args, ...connectionOf(databases.store)]);

  async function failedJob(): Promise<string> {
    app.recording.onExecute = () => {
      throw new UnrecoverableStepError('card declined');
    };
    const { gid } = await app.jobs
      .createJob({ name: 'an order' })
      .addStep(ReserveStock, { orderId: SECRET })
      .addStep(SendEmail, { orderId: SECRET })
      .start();
    await app.ended(gid);
    app.recording.onExecute = () => undefined;
    return gid;
  }

  it('list: as a table, and as JSON with what list() tells', async () => {
    const gid = await failedJob();
    const shown = await run('list', '--status', 'failed');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    const [title, first] = shown.stdout.split('\n');
    expect(title).toMatch(/^GID +STATUS +STEP +ATTEMPTS +STARTED +NEXT +ERROR$/);
    expect(first).toMatch(
      new RegExp(
        `^${gid} +failed +1/2 reserve-stock +1 +\\d+ m?s ago +- +UnrecoverableStepError: card declined$`,
      ),
    );

    const { json } = await run('list', '--status', 'failed', '--limit', '1', '--json');
    const page = await app.admin.list({ status: 'failed', limit: 1 });
    expect(json).toEqual({ jobs: JSON.parse(JSON.stringify(page.jobs)), cursor: page.cursor ?? null });
  });

  it('as a process: writes, ends with its code, and leaves nothing open', async () => {
    const gid = await failedJob();
    const connection = connectionOf(databases.store);
    const shown = await runProgram(['list', '--status', 'failed', ...connection], { env: { COLUMNS: '90' } });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain(gid);
    expect(Math.max(...shown.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(105);
    expect(await runProgram(['retry', gid, ...connection])).toMatchObject({
      code: 0,
      stdout: `${gid} is retried.\n`,
      stderr: '',
    });
    await waitFor(async () => (await app.admin.find(gid))?.status === 'succeeded');
    expect(await runProgram(['retry', gid, ...connection])).toMatchObject({ code: 1 });
    expect(await runProgram(['show', ...connection])).toMatchObject({ code: 2, stdout: '' });
  });

  it('list: goes on with the cursor, and says when there are none', async () => {
    const older = await failedJob();
    const newer = await failedJob();
    const first = await run('list', '--status', 'failed', '--limit', '1');
    expect(first.stdout).toContain(newer);
    const [, cursor] = /There are more: --cursor (\S+)/.exec(first.stdout)!;
    const second = await run('list', '--status', 'failed', '--limit', '1', '--cursor', cursor!);
    expect(second.stdout).toContain(older);
    expect(second.stdout).not.toContain(newer);
    expect((await run('list', '--name', 'nobody')).stdout).toBe('No jobs.\n');
    const statuses = 'prepared,submitted,succeeded,rolledBack,canceled';
    expect((await run('list', '--status', statuses)).stdout).not.toContain(newer);
    expect((await run('list', '--since', '1h', '--json')).json.jobs).not.toEqual([]);
    expect((await run('list', '--until', '1h', '--json')).json.jobs).toEqual([]);
  });

  it('shows arguments only where it is asked to', async () => {
    const gid = await failedJob();
    for (const command of [
      ['list', '--status', 'failed'],
      ['show', gid],
    ]) {
      for (const form of [[], ['--json']]) {
        expect((await run(...command, ...form)).stdout).not.toContain(SECRET);
        expect((await run(...command, ...form, '--args')).stdout).toContain(SECRET);
      }
    }
  });

  it('writes nothing that a terminal acts on, whatever people have put into jobs', async () => {
    const orderId = '\u009b2J\u202e\u{e0041}\u001b]0;x\u0007 größer 👩‍🚀';
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep('nobody', { orderId }).start();
    const hostile = `~${gid.slice(0, 50)}\u001b]0;x\u0007`;
    await copyJob(databases, gid, hostile);
    await copyJob(databases, gid, `~~${gid.slice(0, 50)}`);
    const lists = ['list', '--step', 'nobody', '--args'];
    for (const command of [[...lists, '--limit', '2'], ['show', gid, '--args'], ['doctor']]) {
      for (const form of [[], ['--json']]) {
        const { stdout, stderr } = await run(...command, ...form);
        expect(stdout + stderr).not.toMatch(/(?![\n\u200d])[\p{Cc}\p{Cf}]/u);
      }
    }
    const { jobs } = (await run(...lists, '--json')).json;
    const [shown] = jobs.filter((job: { gid: string }) => job.gid === gid);
    expect(shown.steps[0].args).toEqual({ orderId });
    expect(jobs.map((job: { gid: string }) => job.gid)).toContain(hostile);
  });

  it('list: arguments that are nested too deeply hide no other job', async () => {
    const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep('nobody', { a: 1 }).start();
    const copy = `~~~${gid.slice(0, 50)}`;
    await copyJob(databases, gid, copy, '['.repeat(50_000) + ']'.repeat(50_000));
    const shown = await run('list', '--step', 'nobody', '--args');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('Arguments of step 0 (nobody): cannot be shown: they are damaged.');
    const { jobs } = (await run('list', '--step', 'nobody', '--args', '--json')).json;
    expect(jobs[0]).toMatchObject({ gid: copy, steps: [{ argsError: 'CORRUPT' }] });
    expect(jobs.map((job: { gid: string }) => job.gid)).toContain(gid);
  });

  it('show: a job and its steps', async () => {
    const gid = await failedJob();
    const { code, stdout } = await run('show', gid);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Job {6}${gid}\nName {5}an order\nStatus {3}failed\n`));
    expect(stdout).toMatch(
      /\n#\s+STEP\s+STATUS\s+ATTEMPTS\n0\s+reserve-stock\s+failed\s+1\n1\s+send-email\s+pending\s+0\n$/,
    );
    const found = await app.admin.find(gid);
    const { json } = await run('show', gid, '--json', '--args');
    expect(json).toEqual(JSON.parse(JSON.stringify(found)));
  });

  it('explain: the codes of explain(), with their sentences', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    const { code, stdout } = await run('explain', gid);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^${gid} is submitted, at step ping\\.\n\nDELAYED  It is not due before`),
    );
    const { json } = await run('explain', gid, '--json');
    expect(json).toMatchObject({ gid, status: 'submitted', step: 'ping', reasons: [{ code: 'DELAYED' }] });
    await app.admin.cancel(gid);
  });

  it('retry: the application goes on with the job', async () => {
    const gid = await failedJob();
    const { code, stdout } = await run('retry', gid);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${gid} is retried.\n` });
    await waitFor(async () => (await app.admin.find(gid))?.status === 'succeeded');
    expect(app.recording.trace(gid)).toEqual(['reserve-stock#1', 'reserve-stock#1', 'send-email#1']);
  });

  it('retry: does what can be done, tells what cannot, and ends with 1', async () => {
    const gid = await failedJob();
    const { gid: delayed } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    const outcome = await run('retry', 'nobody', delayed, gid, '--json');
    expect(outcome.code).toBe(1);
    expect(outcome.json).toEqual({
      changed: [gid],
      refused: [
        { gid: 'nobody', code: 'STEPPING_JOB_NOT_FOUND', message: expect.stringContaining("'nobody'") },
        { gid: delayed, code: 'STEPPING_JOB_STATE', message: expect.stringContaining(delayed) },
      ],
    });
    await app.admin.cancel(delayed);
  });

  it('cancel: the job does not run', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    expect(await run('cancel', gid)).toMatchObject({ code: 0, stdout: `${gid} is canceled.\n` });
    await makeDue(databases, gid);
    expect((await app.admin.find(gid))!.status).toBe('canceled');
    expect(app.recording.of(gid)).toEqual([]);
    expect((await run('cancel', gid)).code).toBe(1);
  });

  it('asks before more than 100 jobs are touched, and does nothing where it cannot ask', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    const many = Array.from({ length: 100 }, (_, index) => `unknown-${index}`);
    const refused = await run('cancel', gid, ...many);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('101 jobs would be canceled. Say --yes');
    expect((await app.admin.find(gid))!.status).toBe('submitted');
    expect((await run('cancel', gid, ...many, '--yes')).code).toBe(1);
    expect((await app.admin.find(gid))!.status).toBe('canceled');
  });

  it('a job that is not there is the answer no', async () => {
    for (const command of ['show', 'explain', 'retry', 'cancel']) {
      const outcome = await run(command, 'nobody');
      expect({ command, code: outcome.code }).toEqual({ command, code: 1 });
      expect(outcome.stdout + outcome.stderr).toContain("There is no job with the gid 'nobody'");
    }
    const { code, stdout, stderr } = await run('show', 'nobody', '--json');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'STEPPING_JOB_NOT_FOUND' } });
  });

  it('purge: deletes what ended long enough ago, and keeps failed jobs', async () => {
    const failed = await failedJob();
    const { gid } = await app.jobs.createJob().addStep(Ping).start();
    await app.ended(gid);
    expect((await run('purge', '--older-than', '1h', '--json')).json).toMatchObject({ complete: true });
    expect(await app.admin.find(gid)).not.toBeNull();
    const { code, json } = await run('purge', '--older-than', '0s', '--json', '--yes');
    expect(code).toBe(0);
    expect(json).toEqual({ deleted: expect.any(Number), complete: true, kept: 0 });
    expect(json.deleted).toBeGreaterThan(0);
    expect(await app.admin.find(gid)).toBeNull();
    expect(await app.admin.find(failed)).not.toBeNull();
    expect((await run('purge')).code).toBe(2);
  });

  it('pause: says when no process tells that it provides a step of that name', async () => {
    const reason = ['--reason', 'the provider is away'];
    await waitFor(async () => (await app.context.get(SteppingOperations).processes()).length > 0);
    const known = await run('pause', 'ping', ...reason);
    expect(known).toMatchObject({ code: 0, stdout: 'The step ping is paused.\n', stderr: '' });
    expect((await run('pause', 'ping', ...reason, '--json')).json).toMatchObject({ provided: true });

    const unknown = await run('pause', 'pnig', ...reason);
    expect(unknown).toMatchObject({ code: 0, stderr: '' });
    expect(unknown.stdout).toBe(
      'The step pnig is paused.\nNo live process tells that it provides a step of this name: look whether the name is right.\n',
    );
    const { json } = await run('pause', 'pnig', ...reason, '--json');
    expect(json).toEqual({ step: 'pnig', paused: true, provided: false });
    for (const step of ['ping', 'pnig'])
      expect((await run('resume', step)).stdout).toBe(`The step ${step} goes on.\n`);
  });

  it('runs no step, though jobs are due', async () => {
    const { gid } = await app.jobs.createJob().addStep('nobody-has-this').start();
    await run('list');
    expect(await app.admin.find(gid)).toMatchObject({ status: 'submitted', steps: [{ attempts: 0 }] });
    await app.admin.cancel(gid);
  });
});

describeBackends(
  'the program beside an application with a codec',
  (backend) => {
    let databases: Databases;
    let app: TestApplication;
    suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
      module: { codec: testCodec() },
    });

    const run = (...args: string[]): Promise<ProgramOutcome> =>
      runProgramHere([...args, ...connectionOf(databases.store)]);
    async function failedJob(): Promise<string> {
      app.recording.onExecute = () => {
        throw new UnrecoverableStepError('out of coffee');
      };
      const { gid } = await app.jobs.createJob().addStep(ReserveStock, { orderId: 'coffee' }).start();
      await app.ended(gid);
      return gid;
    }

    it('says that it cannot show arguments and errors', async () => {
      app.recording.onExecute = () => {
        throw new UnrecoverableStepError(SECRET);
      };
      const { gid } = await app.jobs.createJob().addStep(ReserveStock, { orderId: SECRET }).start();
      await app.ended(gid);
      const { code, stdout } = await run('show', gid, '--args');
      expect(code).toBe(0);
      expect(stdout).toContain('Arguments of step 0 (reserve-stock): cannot be shown: they are encoded');
      expect(stdout).not.toContain(SECRET);
      const { json } = await run('show', gid, '--args', '--json');
      expect(json.steps[0]).toMatchObject({ argsError: 'KEY_UNKNOWN' });
    });

    it('tells the class of an error whose text is encoded', async () => {
      const gid = await failedJob();
      const told = 'UnrecoverableStepError (its text is encoded)';
      for (const command of [['list'], ['show', gid], ['explain', gid]]) {
        const { code, stdout, stderr } = await run(...command);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(stdout.replace(/\s+/g, ' '), command[0]).toContain(told);
      }
      expect((await run('show', gid, '--json')).json).toMatchObject({ error: told });
    });

    it('says that a search passes over encoded texts, where there are some', async () => {
      await failedJob();
      const note = (option: string) =>
        `Texts of some jobs are encoded: ${option} cannot search these. Filter by --step, --name, --status and times.`;
      for (const option of ['--error', '--search']) {
        const none = await run('list', option, 'coffee');
        expect(none).toMatchObject({ code: 0, stdout: `No jobs.\n${note(option)}\n` });
        const { json } = await run('list', option, 'coffee', '--status', 'failed', '--json');
        expect(json).toEqual({ jobs: [], cursor: null, notes: [note(option)] });
        const retried = await run('retry', '--all', option, 'coffee', '--reason', 'back', '--yes');
        expect(retried.stdout).toContain(note(option));
      }
      for (const search of [
        ['--error', 'coffee', '--step', 'nobody'],
        ['--status', 'failed'],
      ]) {
        expect((await run('list', ...search)).stdout).not.toContain('Texts of some jobs');
      }
    });
  },
  ['sqlite', 'postgres'],
);
