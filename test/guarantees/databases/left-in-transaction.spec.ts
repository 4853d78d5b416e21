import type { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { TransactionManagerUnavailableError } from '../../../lib/index.js';
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

    it('are an error where each new connection is in one', async ({ onTestFinished }) => {
      const { master, pool = master } = app.dataSource.driver as unknown as Record<string, EventEmitter>;
      const [event, sql] =
        backend === 'postgres' ? ['connect', 'START TRANSACTION'] : ['connection', 'SET autocommit = 0'];
      const leave = (client: { query(text: string, done: () => void): void }) =>
        client.query(sql!, () => undefined);
      pool!.on(event!, leave);
      onTestFinished(() => void pool!.off(event!, leave));
      await onEach(sql!);
      const refused = await app
        .job()
        .start()
        .catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(TransactionManagerUnavailableError);
      expect(String((refused as Error).cause)).toContain('nobody has ended');
    });
  },
  ['postgres', 'mariadb'],
);
