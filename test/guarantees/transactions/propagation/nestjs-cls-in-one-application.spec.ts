import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ClsPluginTransactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ClsModule } from 'nestjs-cls';
import { DataSource } from 'typeorm';
import { expect, it } from 'vitest';
import { DistributedJobFactory, DistributedJobs, selfTm, SteppingModule } from '../../../../lib/index.js';
import { connect } from '../../../support/application.js';
import { Order } from '../../../support/order.entity.js';
import { createDatabase, describeBackends } from '../../../support/database.js';

describeBackends('@nestjs-cls/transactional and Stepping in one application', (backend) => {
  it('starts, and its jobs follow the transactions', async () => {
    const database = await createDatabase(backend);
    const dataSource = await connect(database);

    @Global()
    @Module({
      providers: [{ provide: DataSource, useValue: dataSource }],
      exports: [DataSource],
    })
    class Sources {}

    const context = await Test.createTestingModule({
      imports: [
        Sources,
        ClsModule.forRoot({
          plugins: [
            new ClsPluginTransactional({
              adapter: new TransactionalAdapterTypeOrm({
                dataSourceToken: DataSource,
              }),
              enableTransactionProxy: true,
            }),
          ],
        }),
        SteppingModule.forRoot({
          transactionManager: selfTm({ runSteps: false }),
        }),
      ],
    }).compile();
    try {
      await context.init();
      const host = context.get<TransactionHost<TransactionalAdapterTypeOrm>>(TransactionHost);
      const place = async (id: string) => {
        await host.tx.insert(Order, { id });
        await context.get(DistributedJobFactory).createJob({ name: id }).addStep('ping').start();
      };
      await host.withTransaction(() => place('committed'));
      const failing = host.withTransaction(async () => {
        await place('rolled back');
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      const { jobs } = await context.get(DistributedJobs).list({});
      expect(jobs.map(({ name }) => name)).toEqual(['committed']);
      expect(await dataSource.getRepository(Order).find()).toMatchObject([{ id: 'committed' }]);
    } finally {
      await context.close();
      if (dataSource.isInitialized) await dataSource.destroy();
      await database.drop();
    }
  });
});
