import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { errorText } from '../../../lib/errors/error-text.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { describeBackends, type Backend, onTidb } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { Order } from '../../support/order.entity.js';
import { makeDue, storedJob } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';

const SECRET = 'card-4111111111111111';

/** Refuse jobs of some names: by a constraint, and by a trigger that tells whatever it can. */
const REFUSALS: Record<Backend, readonly string[]> = {
  postgres: [
    `ALTER TABLE stepping_jobs ADD CONSTRAINT refuse CHECK (name <> 'refused')`,
    `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.name = 'told' THEN RAISE 'no: % / %', NEW, NEW.steps USING DETAIL = NEW.steps, HINT = NEW.steps; END IF;
       IF NEW.name = 'stuck' THEN RAISE 'no' USING DETAIL = NEW.steps; END IF;
       RETURN NEW; END $$`,
    'CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON stepping_jobs FOR EACH ROW EXECUTE FUNCTION tell()',
  ],
  mariadb: [
    `ALTER TABLE stepping_jobs ADD CONSTRAINT refuse CHECK (name <> 'refused')`,
    `CREATE TRIGGER tell BEFORE INSERT ON stepping_jobs FOR EACH ROW
       IF NEW.name IN ('told', 'stuck') THEN SET @told = LEFT(NEW.steps, 128); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @told; END IF`,
  ],
  sqlite: [
    `CREATE TRIGGER refuse BEFORE INSERT ON stepping_jobs WHEN NEW.name IN ('refused', 'told')
       BEGIN SELECT RAISE(ABORT, 'refused'); END`,
  ],
};

/** All that a logger or an exception filter may print of an error. */
function printed(error: unknown): string {
  const parts: string[] = [inspect(error, { depth: 20, showHidden: true })];
  const seen = new Set<unknown>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    parts.push(JSON.stringify(value) ?? '', String((value as Error).stack), errorText(value));
    for (const key of Reflect.ownKeys(value)) walk((value as Record<PropertyKey, unknown>)[key]);
  };
  walk(error);
  return parts.join('\n');
}

for (const placement of ['one', 'two'] as const) {
  describeBackends(`an error of a statement of the library (jobs in ${placement} database)`, (backend) => {
    let databases: Databases;
    let app: TestApplication;

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
      app = await TestApplication.start(databases);
      for (const sql of onTidb ? [] : REFUSALS[backend]) await databases.store.query(sql);
    });
    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });

    const create = (options: object) => app.jobs.createJob(options).addStep('other', { number: SECRET });
    const failure = async (work: () => Promise<unknown>): Promise<unknown> => {
      const error: unknown = await work().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(Error);
      return error;
    };

    it('has nothing of a row that cannot be read', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      const { gid } = await create({ transaction: 'none', delay: '1h' }).start();
      await databases.store.query(
        `UPDATE stepping_jobs SET step_name = 'ping', steps = '[{"step":"ping","args":x"s3cr3t"}]' WHERE gid = '${gid}'`,
      );
      await makeDue(databases, gid, 5);
      const job = await waitFor(async () => {
        const found = await app.admin.find(gid);
        return (await storedJob(databases, gid))?.error ? found : undefined;
      });
      const told = printed([job, await storedJob(databases, gid), errors.mock.calls]);
      expect(told).toContain('its steps are no JSON');
      expect(told).not.toContain('s3cr3t');
    });

    const why = onTidb ? ' (skipped: it has no triggers, and heeds no CHECK by default)' : '';
    describe.skipIf(onTidb).each(['refused', 'told'])(`for a job that is %s${why}`, (name) => {
      it.each<[string, () => Promise<unknown>]>([
        ['on its own', () => create({ name, transaction: 'none' }).start()],
        [
          'with a gid, in a transaction',
          () => app.dataSource.transaction(() => create({ name, gid: `${name}-in` }).start()),
        ],
        ['at the commit', () => app.dataSource.transaction(() => create({ name }).start())],
        [
          'after other statements of the transaction',
          () =>
            app.dataSource.transaction(async (manager) => {
              await create({ name }).start();
              await manager.save(Order, { id: 'o' });
            }),
        ],
        [
          'by hand',
          () => app.dataSource.transaction((manager) => create({ name, transaction: manager }).prepare()),
        ],
      ])('has none of its arguments: %s', async (_, work) => {
        const log = ['error', 'warn', 'log', 'debug'].map((level) =>
          vi.spyOn(Logger.prototype, level as 'warn'),
        );
        const error = await failure(work);
        expect(printed(error)).not.toContain(SECRET);
        // Still says what it was, unless the application's trigger has said nothing else.
        expect(printed(error)).toMatch(/refuse|P0001|45000|1644/);
        expect(
          inspect(
            log.map((spy) => spy.mock.calls),
            { depth: 10 },
          ),
        ).not.toContain(SECRET);
      });
    });
  });
}

describeBackends("TypeORM's logger", (backend) => {
  let databases: Databases;

  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterAll(async () => {
    await databases?.drop();
  });

  /** What is logged while a job runs, one is refused, and the application works. */
  async function logged(module: object): Promise<string> {
    const lines: string[] = [];
    const keep = (...args: unknown[]): void => void lines.push(inspect(args.slice(0, -1), { depth: 10 }));
    const logger = {
      logQuery: keep,
      logQueryError: keep,
      logQuerySlow: keep,
      logSchemaBuild: keep,
      logMigration: keep,
      log: keep,
    };
    const app = await TestApplication.start(databases, {
      module,
      dataSource: { logger, logging: true, maxQueryExecutionTime: 1 },
    });
    try {
      await app.dataSource.query("SELECT 'mine' AS own");
      const own = app.job({ transaction: 'none' });
      const { gid } = await own.addStep('other', { number: SECRET }).start();
      await app.dataSource.transaction(async (manager) => {
        await manager.save(Order, { id: 'with-a-job' });
        await app.jobs
          .createJob({ gid: `in-${gid}` })
          .addStep('other', { number: SECRET })
          .start();
      });
      await app.dataSource.transaction(() =>
        app.jobs.createJob().addStep('other', { number: SECRET }).start(),
      );
      await app.admin.list();
      await waitFor(async () => (await app.admin.find(gid))?.steps[1]?.status === 'succeeded');
    } finally {
      await app.close();
    }
    return lines.join('\n');
  }

  it('is told the statements of the library, with the arguments', async () => {
    const text = await logged({});
    expect(text).toContain('mine');
    expect(text).toContain('stepping_jobs');
    expect(text.includes(SECRET)).toBe(!codecIsOn);
  });

  it('is told none of them with logStatements: false, and all others', async () => {
    const text = await logged({ logStatements: false });
    expect(text).toContain('mine');
    expect(text).toContain('with-a-job');
    expect(text).not.toMatch(/stepping_(?:jobs|barrier|migrations)/);
    expect(text).not.toContain(SECRET);
  });
});
