import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import { describeBackends, type Backend, type ExtraOptions } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Limited, Ping, WriteEffect } from '../../support/steps.js';

interface Field {
  string(): string | null;
  buffer(): Buffer | null;
}

/** Of truth values, numbers and times. */
const TYPES = new Set([16, 20, 21, 23, 700, 701, 1114, 1184, 1700]);

/** What applications tell their drivers about the values that they read. */
const SETTINGS: Record<Backend, readonly (readonly [string, ExtraOptions])[]> = {
  postgres: [
    [
      'objects for numbers, truth values and times',
      {
        extra: {
          types: { getTypeParser: (oid: number) => (text: string) => (TYPES.has(oid) ? { text } : text) },
        },
      },
    ],
  ],
  mariadb: [
    ['texts for everything', { extra: { typeCast: (field: Field) => field.string() } }],
    [
      'texts for numbers and dates',
      { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, extra: { decimalNumbers: true } },
    ],
    [
      'objects for everything',
      {
        extra: {
          typeCast: (field: Field & { db: string }, next: () => unknown) =>
            field.db === 'information_schema' || field.db === '' ? next() : { value: field.string() },
        },
      },
    ],
  ],
  sqlite: [
    [
      'BigInts for integers',
      {
        prepareDatabase: (database: { defaultSafeIntegers(toggle: boolean): void }) =>
          database.defaultSafeIntegers(true),
      },
    ],
  ],
};

describeBackends('values read by an application of its own settings', (backend) => {
  describe.each(SETTINGS[backend])('%s', (_title, dataSource) => {
    let databases: Databases;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      const options = { selfTm: { retention: '1s' } } as const;
      app = await TestApplication.start(databases, { ...options, dataSource });
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });

    it('does not matter for jobs, their attempts and their times', async () => {
      app.recording.onExecute = ({ step, attempt }) => {
        if (step === 'limited' && attempt < 3) throw new Error('not yet');
      };
      const before = Date.now();
      const { gid } = await app.jobs
        .createJob({ transaction: 'none', delay: 50 })
        .addStep(Limited)
        .addStep(WriteEffect, { orderId: 'o' })
        .addStep(Ping)
        .start();
      const job = await app.ended(gid);
      expect(app.recording.trace(gid)).toEqual([
        'limited#1',
        'limited#2',
        'limited#3',
        'write-effect#1',
        'ping#1',
      ]);
      expect(job.steps.map((step) => step.attempts)).toEqual([3, 1, 1]);
      expect(Math.abs(job.createdAt.getTime() - before)).toBeLessThan(60_000);
      expect(job.endedAt!.getTime()).toBeGreaterThanOrEqual(job.createdAt.getTime() + 50);
      expect(await databases.business.query('SELECT id FROM effects')).toHaveLength(1);
    });

    it('does not matter for the question whether a gid is taken', async () => {
      const start = () =>
        app.dataSource.transaction(() =>
          app.jobs.createJob({ gid: 'twice', delay: '1h' }).addStep(Ping).start(),
        );
      expect((await start()).gid).toBe('twice');
      expect((await start()).gid).toBe('twice');
      await app.admin.cancel('twice');
      await expect(start()).rejects.toThrow('twice');
    });
  });
});
