import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, expect, it, vi, type MockInstance } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Limited, Ping } from '../../support/steps.js';
import { makeDue } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';

/** Ends the line, colours what follows, and turns it around. */
const FORGERY = '\n[Nest] 1  - LOG [Payments] refunded \u001b[31m\u202e\u2028';
const LEVELS = ['error', 'warn', 'log', 'debug'] as const;

describeBackends('a line of the log', (backend) => {
  let databases: Databases;
  let app: TestApplication;
  let spies: MockInstance[];

  beforeAll(async () => {
    spies = LEVELS.map((level) => vi.spyOn(Logger.prototype, level));
    databases = await Databases.create(backend, 'one');
    app = await TestApplication.start(databases, {
      module: {
        onJobFailed: () => {
          throw new Error(`the hook${FORGERY}`);
        },
      },
    });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
    vi.restoreAllMocks();
  });

  const texts = (): string[] =>
    spies
      .flatMap(({ mock }) => mock.calls.map(([line]) => line as string | Record<string, unknown>))
      .flatMap((line) => (typeof line === 'string' ? [line] : Object.values(line).map(String)));

  it('is one line of bounded length, whatever the rows and the errors hold', async () => {
    app.recording.onExecute = ({ step }) => {
      if (step === 'limited') throw new Error(`no${FORGERY}${'x'.repeat(1e6)}`);
    };
    const failed = await app.jobs.createJob({ transaction: 'none' }).addStep(Limited).start();
    await app.ended(failed.gid);

    // A row of somebody who may write into the table.
    const { gid } = await app.jobs.createJob({ transaction: 'none', delay: '1h' }).addStep(Ping).start();
    const foreign = `g${FORGERY}`.replace(/[^\0-\u007f]/g, '');
    const placeholders = backend === 'postgres' ? ['$1', '$2'] : ['?', '?'];
    await databases.store.query(
      `UPDATE stepping_jobs SET gid = ${placeholders[0]}, steps = '{{{' WHERE gid = ${placeholders[1]}`,
      [foreign, gid],
    );
    await makeDue(databases, foreign, 5);
    const told = (part: string) => texts().some((text) => text.includes(part));
    await waitFor(() => told('cannot run, and is looked at again') && told('onJobFailed of job'));

    for (const text of texts()) {
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(text.length).toBeLessThanOrEqual(2000);
    }
    expect(told('g\\n[Nest] 1')).toBe(true);
    // With a codec no messages of errors are told, neither a step's nor a hook's.
    expect(told('the hook\\n[Nest] 1')).toBe(!codecIsOn);
    expect(told('no\\n[Nest] 1')).toBe(!codecIsOn);
  });

  it('is not forged by an error that a gid of a caller is told in', async () => {
    for (const gid of [`g${FORGERY}`, 'x'.repeat(1e6)]) {
      const error = await app.admin.retry(gid).catch((thrown: unknown) => thrown as Error);
      expect((error as Error).message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
      expect((error as Error).message.length).toBeLessThanOrEqual(4000);
    }
  });
});
