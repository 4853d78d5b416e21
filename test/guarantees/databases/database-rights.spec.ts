import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SchemaOutdatedError } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { Databases } from '../../support/placements.js';
import { Order } from '../../support/order.entity.js';
import { ReserveStock, WriteEffect } from '../../support/steps.js';
import { describeBackends, type TestDatabase } from '../../support/database.js';
import { waitFor } from '../../support/wait-for.js';

/** Of the application's own tables, and of the library's. */
const WRITTEN = [
  'orders',
  'effects',
  'stepping_jobs',
  'stepping_barrier',
  'stepping_processes',
  'stepping_stats',
  'stepping_controls',
  'stepping_audit',
  'stepping_inbox',
];
const READ = ['stepping_migrations'];

/** What the documentation says is enough for an application whose tables somebody else makes. */
class LimitedUser {
  readonly name = `limited_${randomBytes(4).toString('hex')}`;
  private readonly postgres: boolean;
  private readonly account: string;

  constructor(private readonly database: TestDatabase) {
    this.postgres = database.backend === 'postgres';
    this.account = this.postgres ? this.name : `'${this.name}'@'%'`;
  }

  async create(): Promise<void> {
    const { database, account, postgres } = this;
    await database.query(
      postgres
        ? `CREATE ROLE ${account} LOGIN PASSWORD 'limited'`
        : `CREATE USER ${account} IDENTIFIED BY 'limited'`,
    );
    if (postgres) await database.query(`GRANT USAGE ON SCHEMA "${database.schema}" TO ${account}`);
    for (const table of WRITTEN)
      await database.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${this.qualified(table)} TO ${account}`);
    for (const table of READ) await database.query(`GRANT SELECT ON ${this.qualified(table)} TO ${account}`);
  }

  async drop(): Promise<void> {
    if (this.postgres) await this.database.query(`DROP OWNED BY ${this.account}`);
    await this.database.query(`DROP ${this.postgres ? 'ROLE' : 'USER'} ${this.account}`);
  }

  get url(): string {
    const url = new URL(this.database.url);
    url.username = this.name;
    url.password = 'limited';
    return url.href;
  }

  private qualified(table: string): string {
    return this.postgres ? `"${this.database.schema}"."${table}"` : `\`${table}\``;
  }
}

describeBackends(
  'a database user without the right to create anything',
  (backend) => {
    let databases: Databases;
    let user: LimitedUser;
    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      // Its tables are made by their owner.
      await (await TestApplication.start(databases)).close();
      user = new LimitedUser(databases.business);
      await user.create();
    });
    afterAll(async () => {
      await user?.drop();
      await databases?.drop();
    });

    it('is enough to start, run, read and repair jobs', async () => {
      const app = await TestApplication.start(databases, {
        module: { autoMigrate: false },
        dataSource: { url: user.url, synchronize: false },
      });
      try {
        const gid = await app.dataSource.transaction(async (manager) => {
          const order = await manager.save(Order, { id: '1' });
          const job = app.jobs.createJob().addStep(ReserveStock, { orderId: order.id });
          return (await job.addStep(WriteEffect, { orderId: order.id }).start()).gid;
        });
        expect((await app.ended(gid)).status).toBe('succeeded');
        const { gid: later } = await app.jobs
          .createJob({ delay: '1h' })
          .addStep(WriteEffect, { orderId: '1' })
          .start();
        await app.admin.cancel(later);
        expect((await app.admin.find(later))?.status).toBe('canceled');
      } finally {
        await app.close();
      }
    });

    it('is enough to delete jobs after their retention', async () => {
      const app = await TestApplication.start(databases, {
        module: { autoMigrate: false },
        dataSource: { url: user.url, synchronize: false },
        selfTm: { retention: 1 },
      });
      try {
        const { gid } = await app.jobs.createJob().addStep(ReserveStock, { orderId: '1' }).start();
        await waitFor(async () => app.recording.of(gid).length > 0 && (await app.admin.find(gid)) === null);
      } finally {
        await app.close();
      }
    });

    it('is told what is missing when the tables are', async () => {
      const start = TestApplication.start(databases, {
        module: { autoMigrate: false, tables: { prefix: 'other_' } },
        dataSource: { url: user.url, synchronize: false },
      });
      await expect(start).rejects.toThrow(SchemaOutdatedError);
    });
  },
  ['postgres', 'mariadb'],
);
