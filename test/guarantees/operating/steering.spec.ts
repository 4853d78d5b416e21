import { randomUUID } from 'node:crypto';
import { IsInt } from 'class-validator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  DuplicateGidError,
  InvalidOptionError,
  InvalidStepArgumentsError,
  JobNotFoundError,
  JobStateError,
  Step,
  StepNotProvidedError,
  UnrecoverableStepError,
  type AuditEntry,
  type DistributedJob,
  type SkipStepOptions,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn, testCodec } from '../../support/codec.js';
import { describeBackends } from '../../support/database.js';
import { fence } from '../../support/fates.js';
import { Effect } from '../../support/order.entity.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Limited, Ping, SendEmail, WriteEffect } from '../../support/steps.js';
import { storedJob } from '../../support/stored-job.js';
import { suiteApplication } from '../../support/suite-application.js';
import { waitFor } from '../../support/wait-for.js';

class Price {
  @IsInt()
  cents!: number;
}

@Step({ name: 'charge', args: Price, retry: { maxAttempts: 1 } })
class Charge implements StepHandler<Price> {
  constructor(private readonly recording: Recording) {}
  async execute(args: Price, context: StepContext): Promise<void> {
    keys.push(context.idempotencyKey);
    await this.recording.note('charge', args, context);
  }
}
const keys: string[] = [];

/** Waits for an hour after each failure. */
@Step({ name: 'slow', retry: { delay: '1h', maxDelay: '1h', jitter: false } })
class Slow implements StepHandler {
  constructor(private readonly recording: Recording) {}
  async execute(_: void, context: StepContext): Promise<void> {
    await this.recording.note('slow', undefined, context);
  }
}

const by = 'ops@example.org';
const NOTE = { reason: 'the customer has paid in cash', by };

const steps = async (app: TestApplication, gid: string) =>
  (await app.admin.find(gid))!.steps.map(({ status, attempts }) => `${status} ${attempts}`);
const failed = async (app: TestApplication, job: DistributedJob): Promise<string> => {
  const { gid } = await job.start();
  await waitFor(async () => (await app.admin.find(gid))?.status === 'failed');
  return gid;
};
const unrecoverable = (): never => {
  throw new UnrecoverableStepError('the card is declined');
};

describeBackends('steering jobs', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    providers: [Charge, Slow],
  });
  afterEach(() => {
    app.recording.onExecute = () => undefined;
    keys.length = 0;
  });

  describe('skip()', () => {
    it('lets a failed job go on with the next step, and never runs the one that was skipped', async () => {
      app.recording.onExecute = ({ step }) => {
        if (step === 'limited') throw new Error('no');
      };
      const gid = await failed(app, app.jobs.createJob().addStep(Ping).addStep(Limited).addStep(Ping));
      await app.admin.skip(gid, { step: 1, ...NOTE });
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(await steps(app, gid)).toEqual(['succeeded 1', 'skipped 3', 'succeeded 1']);
      expect((await app.admin.find(gid))!.error).toBeNull();
      await fence(app);
      expect(app.recording.trace(gid)).toEqual(['ping#1', 'limited#1', 'limited#2', 'limited#3', 'ping#1']);
      expect((await app.admin.audit({ gid })).entries).toEqual([
        {
          ...NOTE,
          id: expect.any(String),
          at: expect.any(Date),
          action: 'skip',
          gid,
          step: 'limited',
          count: 1,
          detail: { stepIndex: 1 },
        },
      ]);
    });

    it('lets a job that waits for its next attempt go on', async () => {
      app.recording.onExecute = ({ step }) => {
        if (step === 'slow') throw new Error('no');
      };
      const { gid } = await app.jobs.createJob().addStep(Slow).addStep(Ping).start();
      await waitFor(async () => (await app.admin.find(gid))?.steps[0]!.status === 'waiting');
      await waitFor(async () => (await app.admin.find(gid))?.error);
      await app.admin.skip(gid, { step: 0, ...NOTE });
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(await steps(app, gid)).toEqual(['skipped 1', 'succeeded 1']);
    });

    it('ends a job whose last step is skipped, and starts no delayed job early', async () => {
      app.recording.onExecute = unrecoverable;
      const gid = await failed(app, app.jobs.createJob().addStep(Ping));
      await app.admin.skip(gid, { step: 0, ...NOTE });
      expect(await app.admin.find(gid)).toMatchObject({ status: 'succeeded', endedAt: expect.any(Date) });
      expect(await steps(app, gid)).toEqual(['skipped 1']);

      const later = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).addStep(Ping).start();
      const { dueAt } = (await app.admin.find(later.gid))!;
      await app.admin.skip(later.gid, { step: 0, ...NOTE });
      expect(await app.admin.find(later.gid)).toMatchObject({ status: 'submitted', dueAt });
      expect(await steps(app, later.gid)).toEqual(['skipped 0', 'waiting 0']);
    });

    it('refuses a step that runs, one the job does not stand at, and jobs that have ended', async () => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      let runs = false;
      app.recording.onExecute = async () => {
        runs = true;
        await held;
      };
      const { gid } = await app.jobs.createJob().addStep(Ping).addStep(Ping).start();
      await waitFor(() => runs);
      const skip = (step: number) => app.admin.skip(gid, { step, ...NOTE });
      await expect(skip(0)).rejects.toMatchObject({
        constructor: JobStateError,
        action: 'skip',
        status: 'submitted',
      });
      await expect(skip(0)).rejects.toThrow('runs at this moment');
      await expect(skip(1)).rejects.toThrow('it stands at step 0, not 1.');
      release();
      await app.ended(gid);
      await expect(skip(1)).rejects.toMatchObject({ constructor: JobStateError, status: 'succeeded' });
      await expect(app.admin.skip('nobody', { step: 0, ...NOTE })).rejects.toThrow(JobNotFoundError);
      expect(app.recording.of(gid)).toHaveLength(2);
      expect((await app.admin.audit({ gid })).entries).toEqual([]);
    });

    it('needs to be told why, by whom, and which step', async () => {
      for (const options of [
        { step: 0 },
        { step: 0, by },
        { step: 0, ...NOTE, reason: ' ' },
        NOTE,
        { step: -1, ...NOTE },
      ])
        await expect(app.admin.skip('job', options as SkipStepOptions)).rejects.toThrow(InvalidOptionError);
    });

    it('keeps telling the error of a later step', async () => {
      app.recording.onExecute = unrecoverable;
      const gid = await failed(app, app.jobs.createJob().addStep(Ping).addStep(Ping));
      await app.admin.skip(gid, { step: 0, ...NOTE });
      await waitFor(async () => (await app.admin.find(gid))?.status === 'failed');
      expect((await app.admin.find(gid))!.error).toContain('the card is declined');
    });
  });

  describe('retry() with new arguments', () => {
    it('runs the step with them, under another idempotency key', async () => {
      app.recording.onExecute = ({ step }) => (step === 'charge' ? unrecoverable() : undefined);
      const gid = await failed(
        app,
        app.jobs.createJob().addStep(Ping).addStep(Charge, { cents: 1 }).addStep(Ping),
      );
      await app.admin.retry(gid, { args: { cents: 2 }, ...NOTE });
      await waitFor(
        async () => app.recording.of(gid).length === 3 && (await app.admin.find(gid))?.status === 'failed',
      );
      app.recording.onExecute = () => undefined;
      await app.admin.retry(gid, { args: { cents: 3 } });
      expect((await app.ended(gid)).status).toBe('succeeded');
      const charges = app.recording.of(gid).filter(({ step }) => step === 'charge');
      expect(charges.map(({ args }) => args)).toEqual([{ cents: 1 }, { cents: 2 }, { cents: 3 }]);
      expect(charges[2]!.args).toBeInstanceOf(Price);
      expect(keys).toEqual([`${gid}:1`, `${gid}:1:edit-1`, `${gid}:1:edit-2`]);
      expect((await app.admin.find(gid))!.steps[1]!.args).toEqual({ cents: 3 });

      const { entries } = await app.admin.audit({ gid, action: 'edit' });
      expect(entries).toMatchObject([
        { by: null, reason: null, step: 'charge', count: 1, detail: { stepIndex: 1, args: { cents: 2 } } },
        { ...NOTE, step: 'charge', count: 1, detail: { stepIndex: 1, args: { cents: 1 } } },
      ]);
      const stored = JSON.stringify(await databases.store.query('SELECT * FROM stepping_audit'));
      expect(stored.includes('cents')).toBe(!codecIsOn);
    });

    it('keeps the key for a retry without new arguments', async () => {
      app.recording.onExecute = unrecoverable;
      const gid = await failed(app, app.jobs.createJob().addStep(Charge, { cents: 1 }));
      app.recording.onExecute = () => undefined;
      await app.admin.retry(gid);
      await app.ended(gid);
      expect(keys).toEqual([`${gid}:0`, `${gid}:0`]);
    });

    it('refuses arguments that do not fit, of a job that has not failed, and of a step that it does not provide', async () => {
      app.recording.onExecute = unrecoverable;
      const gid = await failed(app, app.jobs.createJob().addStep(Charge, { cents: 1 }));
      await expect(app.admin.retry(gid, { args: { cents: 'two' } })).rejects.toThrow(
        InvalidStepArgumentsError,
      );
      await expect(app.admin.retry(gid, { args: null })).rejects.toThrow(InvalidStepArgumentsError);
      await expect(app.admin.retry('nobody', { args: {} })).rejects.toThrow(JobNotFoundError);
      const other = await TestApplication.start(databases, { selfTm: { runSteps: false } });
      try {
        await expect(other.admin.retry(gid, { args: { cents: 2 } })).rejects.toMatchObject({
          constructor: StepNotProvidedError,
          stepName: 'charge',
        });
      } finally {
        await other.close();
      }
      expect((await app.admin.find(gid))!.steps[0]!.args).toEqual({ cents: 1 });
      app.recording.onExecute = () => undefined;
      await app.admin.retry(gid);
      await app.ended(gid);
      await expect(app.admin.retry(gid, { args: { cents: 2 } })).rejects.toThrow(JobStateError);
      expect((await app.admin.audit({ gid })).entries.map(({ action }) => action)).toEqual(['retry']);
    });

    it('goes on comparing a gid with the first arguments', async () => {
      app.recording.onExecute = unrecoverable;
      const job = (cents: number) => app.jobs.createJob({ gid }).addStep(Ping).addStep(Charge, { cents });
      const gid = `edited-${randomUUID()}`;
      app.recording.onExecute = ({ step }) => (step === 'charge' ? unrecoverable() : undefined);
      await failed(app, job(1));
      app.recording.onExecute = () => undefined;
      await app.admin.retry(gid, { args: { cents: 2 } });
      await app.ended(gid);
      await expect(job(1).start()).resolves.toMatchObject({ gid });
      await expect(job(2).start()).rejects.toThrow(DuplicateGidError);
    });
  });

  describe('the audit', () => {
    it('notes every retry and cancel, also without a reason', async () => {
      app.recording.onExecute = unrecoverable;
      const gid = await failed(app, app.jobs.createJob().addStep(Ping));
      await app.admin.retry(gid, NOTE);
      await waitFor(
        async () => app.recording.of(gid).length === 2 && (await app.admin.find(gid))?.status === 'failed',
      );
      await app.admin.cancel(gid);
      const { entries } = await app.admin.audit({ gid });
      expect(entries).toMatchObject([
        { action: 'cancel', by: null, reason: null, step: 'ping', count: 1 },
        { action: 'retry', ...NOTE, step: 'ping', count: 1 },
      ]);
      await expect(app.admin.cancel(gid)).rejects.toThrow(JobStateError);
      expect((await app.admin.audit({ gid })).entries).toEqual(entries);
    });

    it('bounds a page in bytes, and goes on at its cursor', async () => {
      app.recording.onExecute = unrecoverable;
      const gid = await failed(app, app.jobs.createJob().addStep(SendEmail, { orderId: '0' }));
      // As it is stored: a codec makes a third more of it.
      const filling = 'x'.repeat(codecIsOn ? 222_000 : 300_000);
      for (let index = 1; index <= 5; index += 1) {
        await app.admin.retry(gid, { args: { orderId: `${index}${filling}` } });
        await waitFor(
          async () =>
            app.recording.of(gid).length === index + 1 && (await app.admin.find(gid))?.status === 'failed',
        );
      }
      const all = (await app.admin.audit({ gid })).entries;
      const other = await TestApplication.start(databases, {
        selfTm: { maxBytes: '4MB', runSteps: false, recoveryInterval: '1h' },
      });
      try {
        const pages: (readonly AuditEntry[])[] = [];
        let cursor: string | undefined;
        do {
          const page = await other.admin.audit({ gid, ...(cursor && { cursor }) });
          pages.push(page.entries);
          cursor = page.cursor;
        } while (cursor);
        expect(pages.flat()).toEqual(all);
        expect(pages.map(({ length }) => length)).toEqual([3, 2]);
      } finally {
        await other.close();
      }
    });

    it('is read page by page, and refuses what is no filter', async () => {
      const gids: string[] = [];
      const person = `page-${randomUUID()}`;
      for (let index = 0; index < 5; index += 1) {
        const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
        await app.admin.cancel(gid, { by: person });
        gids.unshift(gid);
      }
      const pages: (string | null)[][] = [];
      let cursor: string | undefined;
      do {
        const page = await app.admin.audit({ by: person, limit: 2, ...(cursor !== undefined && { cursor }) });
        pages.push(page.entries.map((entry) => entry.gid));
        cursor = page.cursor;
      } while (cursor !== undefined && pages.length < 9);
      expect(pages).toEqual([gids.slice(0, 2), gids.slice(2, 4), gids.slice(4)]);
      for (const filter of [{ cursor: 'x' }, { limit: 0 }, { action: 'delete' }, { gid: '' }, { who: 'me' }])
        await expect(app.admin.audit(filter as never)).rejects.toThrow();
    });
  });

  it('a job can be canceled even where the audit cannot be written', async () => {
    const { gid } = await app.jobs.createJob({ delay: '1h' }).addStep(Ping).start();
    await databases.store.query('ALTER TABLE stepping_audit RENAME TO stepping_audit_away');
    try {
      await app.admin.cancel(gid, NOTE);
      expect((await app.admin.find(gid))!.status).toBe('canceled');
      await expect(app.admin.cancel(gid)).rejects.toThrow(JobStateError);
    } finally {
      await databases.store.query('ALTER TABLE stepping_audit_away RENAME TO stepping_audit');
    }
  });
});

/** What the audit keeps of arguments goes with the job. */
describeBackends('purging a job that was edited', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'one', (started) => ({ databases, app } = started), {
    providers: [Charge],
    selfTm: { retention: 1 },
  });

  it('deletes the arguments that the audit keeps, and keeps the entry', async () => {
    app.recording.onExecute = unrecoverable;
    const gid = await failed(app, app.jobs.createJob().addStep(Charge, { cents: 1 }));
    app.recording.onExecute = () => undefined;
    await app.admin.retry(gid, { args: { cents: 2 }, ...NOTE });
    await waitFor(async () => (await storedJob(databases, gid)) === undefined);
    const { entries } = await app.admin.audit({ gid });
    expect(entries).toMatchObject([{ action: 'edit', ...NOTE, step: 'charge' }]);
    expect(entries[0]).not.toHaveProperty('detail');
  });
});

/** Their done mark is a row in the database of the step. */
describeBackends('skipping transactional steps in another database', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  suiteApplication(backend, 'two', (started) => ({ databases, app } = started));
  afterEach(() => {
    app.recording.onExecute = () => undefined;
  });

  /** A job that has failed at its first step, as if an attempt had committed and nobody had stored that. */
  const committed = async (): Promise<string> => {
    app.recording.onExecute = ({ step }) => (step === 'write-effect' ? unrecoverable() : undefined);
    const gid = await failed(app, app.jobs.createJob().addStep(WriteEffect, { orderId: '1' }).addStep(Ping));
    app.recording.onExecute = () => undefined;
    return gid;
  };
  const marks = (gid: string) =>
    databases.business.query<{ reason: string }>(`SELECT reason FROM stepping_barrier WHERE gid = '${gid}'`);
  const mark = (gid: string, reason: string) =>
    databases.business.query(
      `INSERT INTO stepping_barrier (trans_type, gid, branch_id, op, barrier_id, reason) VALUES ('msg', '${gid}', '01', 'action', '01', '${reason}')`,
    );
  const effects = (gid: string): Promise<number> =>
    app.dataSource.getRepository(Effect).countBy({ key: `${gid}:0` });

  it('leaves a mark, so that no attempt can commit any more', async () => {
    const gid = await committed();
    await app.admin.skip(gid, { step: 0, ...NOTE });
    await app.ended(gid);
    expect(await steps(app, gid)).toEqual(['skipped 1', 'succeeded 1']);
    expect(await marks(gid)).toMatchObject([{ reason: 'skipped' }]);
    expect(await effects(gid)).toBe(0);
  });

  it('counts a step as done whose attempt has committed', async () => {
    const gid = await committed();
    await mark(gid, 'action');
    await app.admin.skip(gid, { step: 0, ...NOTE });
    await app.ended(gid);
    expect(await steps(app, gid)).toEqual(['succeeded 1', 'succeeded 1']);
    expect((await app.admin.audit({ gid })).entries).toMatchObject([
      { action: 'skip', detail: { stepIndex: 0, done: true } },
    ]);
  });

  it('is not fooled by the mark of a skip that did not come to its end', async () => {
    const gid = await committed();
    await mark(gid, 'skipped');
    await app.admin.retry(gid);
    await app.ended(gid);
    expect(await steps(app, gid)).toEqual(['succeeded 1', 'succeeded 1']);
    expect(await effects(gid)).toBe(1);
    expect(await marks(gid)).toMatchObject([{ reason: 'action' }]);
  });

  it('takes the mark back when the job cannot be skipped', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    let runs = false;
    app.recording.onExecute = async ({ step }) => {
      if (step !== 'write-effect') return;
      runs = true;
      await held;
    };
    const { gid } = await app.jobs.createJob().addStep(WriteEffect, { orderId: '1' }).start();
    try {
      await waitFor(() => runs);
      // On SQLite the transaction of the step has the database for itself.
      const skipped = app.admin.skip(gid, { step: 0, ...NOTE });
      if (backend === 'sqlite') await expect(skipped).rejects.toThrow();
      else await expect(skipped).rejects.toThrow('runs at this moment');
    } finally {
      release();
    }
    await app.ended(gid);
    expect(app.recording.of(gid)).toHaveLength(1);
    expect(await effects(gid)).toBe(1);
    expect(await steps(app, gid)).toEqual(['succeeded 1']);
  });

  it('asks all databases about a step that the process does not provide', async () => {
    const gid = await committed();
    await mark(gid, 'action');
    const other = await TestApplication.start(databases, {
      selfTm: { runSteps: false },
      customize: (builder) => builder.overrideProvider(WriteEffect).useValue(undefined),
    });
    try {
      await other.admin.skip(gid, { step: 0, ...NOTE });
    } finally {
      await other.close();
    }
    await app.ended(gid);
    expect(await steps(app, gid)).toEqual(['succeeded 1', 'succeeded 1']);
  });
});

describeBackends('editing jobs of an application that gets a codec', (backend) => {
  let databases: Databases;
  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterAll(() => databases.drop());

  /** What `work` does in a process with this codec. */
  const inProcess = async <T>(
    codec: ReturnType<typeof testCodec> | undefined,
    work: (app: TestApplication) => Promise<T>,
  ): Promise<T> => {
    const app = await TestApplication.start(databases, { module: { codec }, providers: [Charge] });
    app.recording.onExecute = unrecoverable;
    try {
      return await work(app);
    } finally {
      await app.close();
    }
  };

  it('encodes what the audit keeps, and shows it only to who has the key', async () => {
    const gid = await inProcess(undefined, (app) =>
      failed(app, app.jobs.createJob().addStep(Charge, { cents: 1 })),
    );
    const detail = { stepIndex: 0, args: { cents: 1 } };
    await inProcess(testCodec('k1'), async (app) => {
      await app.admin.retry(gid, { args: { cents: 2 }, ...NOTE });
      expect((await app.admin.audit({ gid })).entries).toMatchObject([{ action: 'edit', detail }]);
    });
    const stored = JSON.stringify(await databases.store.query('SELECT * FROM stepping_audit'));
    expect(stored).toContain('stepping:encoded');
    expect(stored).not.toContain('cents');
    await inProcess(testCodec('k2'), async (app) => {
      const [entry] = (await app.admin.audit({ gid })).entries;
      expect(entry).toMatchObject({ action: 'edit', ...NOTE });
      expect(entry).not.toHaveProperty('detail');
    });
  });
});
