import { expect, it } from 'vitest';
import type { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { suiteApplication } from '../../support/suite-application.js';

const POOL_SIZE = 4;

describeBackends(
  'connections that are given back to the pool in the middle of a transaction',
  (backend) => {
    let app: TestApplication;
    suiteApplication(backend, 'one', (started) => ({ app } = started), {
      dataSource: { poolSize: POOL_SIZE },
    });

    /** Runs a statement on each connection of the pool. */
    const onEach = async (sql: string): Promise<void> => {
      const runners = Array.from({ length: POOL_SIZE }, () => app.dataSource.createQueryRunner());
      await Promise.all(runners.map((runner) => runner.connect()));
      await Promise.all(runners.map((runner) => runner.query(sql)));
      await Promise.all(runners.map((runner) => runner.release()));
    };

    it('take nothing along that the library writes', async () => {
      await onEach('START TRANSACTION');
      const job = app.job();
      await job.start();
      expect(await app.ended(job.gid)).toMatchObject({ status: 'succeeded' });

      await onEach('ROLLBACK');
      expect(await app.admin.find(job.gid)).toMatchObject({ status: 'succeeded' });
    });
  },
  ['postgres', 'mariadb'],
);
