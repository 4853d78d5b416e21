import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { SteppingModule, selfTm } from '../../../lib/index.js';
import { connect } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';

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
