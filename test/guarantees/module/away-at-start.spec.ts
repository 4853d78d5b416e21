import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { DistributedJobFactory, Step, SteppingModule, selfTm } from '../../../lib/index.js';
import { connect } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';

@Step({ name: 'noop' })
class Noop {
  execute(): void {}
}

describeBackends(
  'a database that restarts while the application starts',
  (backend) => {
    afterEach(() => void vi.restoreAllMocks());

    it('is waited for, and the reason is told', async () => {
      const databases = await Databases.create(backend, 'one');
      const proxy = await TcpProxy.start(databases.business.url);
      const dataSource = await connect(databases.business, { url: proxy.through(databases.business.url) });
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const testing = await Test.createTestingModule({
        imports: [SteppingModule.forRoot({ transactionManager: selfTm() })],
        providers: [{ provide: DataSource, useValue: dataSource }],
      }).compile();
      try {
        await proxy.down();
        const starting = testing.init();
        const told = () => warnings.mock.calls.flat().filter((line) => String(line).includes('try 1 of 10'));
        await waitFor(() => told().length === 1);
        await proxy.up();
        await starting;
        expect(told()).toHaveLength(1);
      } finally {
        await testing.close();
        await dataSource.destroy();
        await proxy.down();
        await databases.drop();
      }
    });
  },
  ['postgres', 'mariadb'],
);

describeBackends(
  'a transaction that is open while the application starts',
  (backend) => {
    it('does not keep it from starting when a job is started in it', async () => {
      const databases = await Databases.create(backend, 'one');
      const dataSource = await connect(databases.business);
      const testing = await Test.createTestingModule({
        imports: [SteppingModule.forRoot({ transactionManager: selfTm({ runSteps: false }) })],
        providers: [{ provide: DataSource, useValue: dataSource }, Noop],
      }).compile();
      const jobs = testing.get(DistributedJobFactory);
      const start = () => jobs.createJob().addStep(Noop).start();
      try {
        let isOpen = false;
        const inside = dataSource.transaction(async () => {
          isOpen = true;
          return waitFor(async () => {
            const told = await start().then(() => 'started', String);
            return !told.includes('not initialized yet') && told;
          });
        });
        await waitFor(() => isOpen);
        const starting = testing.init();
        expect(await inside).toContain('waits for the end of this transaction');
        await starting;
        await dataSource.transaction(start);
      } finally {
        await testing.close();
        await dataSource.destroy();
        await databases.drop();
      }
    });
  },
  ['sqlite'],
);
