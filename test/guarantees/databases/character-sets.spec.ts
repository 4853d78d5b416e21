import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidOptionError,
  selfTm,
  Step,
  UnsupportedDatabaseError,
  type StepContext,
} from '../../../lib/index.js';
import { connect, startApplication, TestApplication } from '../../support/application.js';
import { describeBackends, itOn, type Backend, type ExtraOptions } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { Ping } from '../../support/steps.js';

const TEXT = String.raw`Käse, 日本茶, Ошибка 🍵 “quoted” \u0041 \\ \n` + '\u0000\n end';
const READABLE = TEXT.replace('\u0000', '');

@Step({ name: 'отправить', retry: { delay: 5, jitter: false, maxAttempts: 2 } })
class Send {
  constructor(private readonly recording: Recording) {}
  async execute(args: { readonly text: string }, context: StepContext): Promise<void> {
    await this.recording.note('send', args, context);
  }
}

interface Place {
  readonly title: string;
  readonly encoding?: string;
  readonly dataSource?: ExtraOptions;
}

const PLACES: Record<Backend, readonly Place[]> = {
  postgres: [
    { title: 'a LATIN1 database', encoding: 'LATIN1' },
    { title: 'an SQL_ASCII database', encoding: 'SQL_ASCII' },
  ],
  mariadb: [
    { title: 'a latin1 connection', dataSource: { charset: 'latin1_swedish_ci' } },
    { title: 'an utf8mb3 connection', dataSource: { charset: 'utf8_general_ci' } },
    { title: 'an utf8mb4 connection' },
  ],
  sqlite: [{ title: 'an UTF-8 database' }],
};

describeBackends('texts beyond the character set', (backend) => {
  describe.each(PLACES[backend])('$title', ({ encoding, dataSource = {} }) => {
    let databases: Databases;
    let app: TestApplication;
    let encoded: string | undefined;
    const isUnicode = encoding === undefined && Object.keys(dataSource).length === 0;
    /** A driver may damage a text and mend it again, so that only other connections see the damage. */
    const expectStoredForAll = async (gid: string) => {
      const sql = `SELECT name, step_name, steps, error FROM stepping_jobs WHERE gid = '${gid}'`;
      const rows = await app.dataSource.query<object[]>(sql);
      expect(rows).toHaveLength(1);
      if (!isUnicode) expect(JSON.stringify(rows)).toMatch(/^[ -~]+$/);
    };

    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      let place = dataSource;
      if (encoding) {
        encoded = `${databases.business.schema}_encoded`;
        await databases.business.query(
          `CREATE DATABASE ${encoded} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
        );
        const url = new URL(databases.business.url);
        url.pathname = `/${encoded}`;
        place = { url: url.href, schema: 'public', extra: { options: '' } };
      }
      app = await TestApplication.start(databases, { dataSource: place, providers: [Send] });
    });
    afterAll(async () => {
      await app?.close();
      if (encoded) await databases.business.query(`DROP DATABASE ${encoded}`);
      await databases?.drop();
    });

    it.each(['transaction', 'none'] as const)('come back as they were from a job (%s)', async (way) => {
      app.recording.onExecute = ({ attempt }) => {
        if (attempt === 1) throw new Error(TEXT);
      };
      const name = `${way} 🍵 имя`;
      const args = { text: TEXT };
      const start = async () => {
        const job = app.jobs.createJob({ name, delay: 50, ...(way === 'none' && { transaction: 'none' }) });
        return (await job.addStep(Ping).addStep(Send, args).addStep('нигде').start()).gid;
      };
      const gid = way === 'none' ? await start() : await app.dataSource.transaction(start);
      await expect
        .poll(async () => (await app.admin.find(gid))?.steps.map(({ status }) => status), { timeout: 10_000 })
        .toEqual(['succeeded', 'succeeded', 'waiting']);
      expect(app.recording.trace(gid)).toEqual(['ping#1', 'ping#2', 'send#1', 'send#2']);
      expect(app.recording.of(gid).at(-1)!.args).toEqual(args);
      const job = (await app.admin.find(gid))!;
      expect(job.name).toBe(name);
      expect(job.steps.map((step) => step.name)).toEqual(['ping', 'отправить', 'нигде']);
      expect(job.steps[1]!.args).toEqual(args);
      const found = await app.admin.list({ name, step: 'нигде' });
      expect(found.jobs.map((each) => each.gid)).toEqual([gid]);
      await expectStoredForAll(gid);
    });

    it('come back as they were in an error', async () => {
      app.recording.onExecute = () => {
        throw new Error(TEXT);
      };
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Send, { text: TEXT }).start();
      const job = await app.ended(gid);
      expect(job.status).toBe('failed');
      expect(app.recording.trace(gid)).toEqual(['send#1', 'send#2']);
      expect(job.error).toContain(READABLE);
      await expectStoredForAll(gid);
    });

    it('are refused where a name is too long for its column as it is stored', async () => {
      const start = (name: string) =>
        app.jobs.createJob({ transaction: 'none', delay: '1h' }).addStep(Ping).addStep(name).start();
      await start('x'.repeat(255));
      const long = start('я'.repeat(255));
      if (isUnicode) await long;
      else await expect(long).rejects.toThrow(InvalidOptionError);
    });
  });

  itOn(backend, 'mariadb')('are not accepted where the driver would damage them', async () => {
    await expectRefused(backend, `SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'`);
  });

  itOn(backend, 'mariadb')('are not accepted where nothing would commit them', async () => {
    await expectRefused(backend, 'SET SESSION autocommit = 0');
  });
});

async function expectRefused(backend: Backend, setting: string): Promise<void> {
  const databases = await Databases.create(backend, 'one');
  const dataSource = await connect(databases.business, { poolSize: 1 });
  try {
    await dataSource.query(setting);
    const module = { transactionManager: selfTm() };
    await expect(startApplication({ dataSource, module, providers: [] })).rejects.toThrow(
      UnsupportedDatabaseError,
    );
  } finally {
    await dataSource.destroy();
    await databases.drop();
  }
}
