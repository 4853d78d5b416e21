import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApplication } from '../../support/application.js';
import type { TestDatabase } from '../../support/database.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { waitFor } from '../../support/wait-for.js';
import { inboxOf, withInbox } from './support.js';

const DAY_MS = 24 * 3600 * 1000;

describeManagers(
  'the retention of the inbox',
  (backend, placement) => {
    let databases: Databases;
    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterAll(() => databases?.drop());

    const message = () => ({ consumer: 'billing', id: randomUUID() });

    async function running(
      inboxRetention: string | undefined,
      test: (app: TestApplication) => Promise<void>,
    ) {
      const app = await TestApplication.start(
        databases,
        withInbox(inboxRetention === undefined ? {} : { inboxRetention }),
      );
      try {
        await test(app);
      } finally {
        await app.close();
      }
    }

    const count = async (where = ''): Promise<number> => {
      const [row] = await databases.business.query(`SELECT count(*) AS n FROM stepping_inbox ${where}`);
      return Number(row!.n);
    };

    it('deletes what is older when the application starts, in batches, and keeps the rest', async () => {
      const key = message();
      await running(undefined, async (app) => {
        await inboxOf(app).receive(key, () => 1);
        await insertOld(databases.business, 2500, 31);
        await insertOld(databases.business, 3, 29);
      });
      await running(undefined, async (app) => {
        await waitFor(async () => (await count()) === 4, { message: 'the old marks to be gone' });
        expect(await inboxOf(app).receive(key, () => 2)).toEqual({ duplicate: true });
      });
    });

    it('leaves what another application with the same table keeps for longer', async () => {
      const key = message();
      await running(undefined, async (app) => {
        expect(await inboxOf(app).receive(key, () => 1)).toMatchObject({ duplicate: false });
        await running('1s', async (other) => {
          const own = { ...message(), consumer: 'shipping' };
          await inboxOf(other).receive(own, () => 1);
          await waitFor(async () => (await count(`WHERE message_id = '${own.id}'`)) === 0, {
            message: 'its own mark to be gone',
          });
        });
        expect(await inboxOf(app).receive(key, () => 2)).toEqual({ duplicate: true });
      });
    });

    it('goes on deleting while it runs', async () => {
      await databases.business.query('DELETE FROM stepping_inbox');
      await running('1s', async (app) => {
        const key = message();
        expect(await inboxOf(app).receive(key, () => 1)).toMatchObject({ duplicate: false });
        await waitFor(async () => (await count()) === 0, { message: 'the mark to be gone' });
        expect(await inboxOf(app).receive(key, () => 2)).toMatchObject({ duplicate: false });
      });
    });
  },
  { selfTm: ['two'], atDtm: ['postgres'] },
);

async function insertOld(database: TestDatabase, rows: number, days: number): Promise<void> {
  const time = {
    postgres: `now() - interval '${days} days'`,
    mariadb: `UTC_TIMESTAMP(6) - INTERVAL ${days} DAY`,
    sqlite: String(Date.now() - days * DAY_MS),
  }[database.backend];
  const values = Array.from({ length: rows }, (_, at) => {
    const mark = `${days}${String(at)}`.padStart(64, '0');
    return `('${mark}', 'billing', '${at}', ${time})`;
  });
  await database.query(
    `INSERT INTO stepping_inbox (mark, consumer, message_id, received_at) VALUES ${values.join(', ')}`,
  );
}
