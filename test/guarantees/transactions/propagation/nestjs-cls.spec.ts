import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ClsPluginTransactional,
  Propagation,
  Transactional,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ClsModule } from 'nestjs-cls';
import { DataSource } from 'typeorm';
import type { TestApplication } from '../../../support/application.js';
import type { Placement } from '../../../support/placements.js';
import { Order } from '../../../support/order.entity.js';
import type { Backend } from '../../../support/database.js';
import { describePropagation } from './contract.js';
import { means, oneConnection, type PropagationFates } from './fates.js';
import type { TransactionLibrary } from './scene.js';

/** A context beside the application's: `@Transactional()` finds its host in a static, and both use one `DataSource`. */
async function open(app: TestApplication): Promise<TransactionLibrary> {
  @Global()
  @Module({ providers: [{ provide: DataSource, useValue: app.dataSource }], exports: [DataSource] })
  class Sources {}

  const context = await Test.createTestingModule({
    imports: [
      Sources,
      ClsModule.forRoot({
        plugins: [
          new ClsPluginTransactional({
            adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
          }),
        ],
      }),
    ],
  }).compile();
  await context.init();
  const host = context.get<TransactionHost<TransactionalAdapterTypeOrm>>(TransactionHost);
  return {
    run: async (propagation, work) => {
      class Service {
        @Transactional(propagation as Propagation)
        async call(): Promise<void> {
          await work();
        }
      }
      await new Service().call();
    },
    write: async (id) => void (await host.tx.insert(Order, { id })),
    close: () => context.close(),
  };
}

function fates(backend: Backend, placement: Placement): Record<string, PropagationFates> {
  const { itsOwnTransaction, noTransaction, joined } = means;
  const sqlite = backend === 'sqlite';
  const outOfReach = placement === 'one' ? means.orderJoinedJobRefused : means.orderJoined;
  return {
    MANDATORY: { alone: means.notCalledAlone, inside: joined },
    NESTED: { alone: itsOwnTransaction, inside: means.savepoint },
    NEVER: { alone: noTransaction, inside: means.notCalled },
    NOT_SUPPORTED: {
      alone: noTransaction,
      ...(sqlite
        ? { inside: joined, because: oneConnection.joined }
        : { inside: means.jobJoined, because: 'nothing tells that the transaction is suspended' }),
    },
    "NOT_SUPPORTED, with transaction: 'none'": {
      propagation: Propagation.NotSupported,
      transaction: 'none',
      alone: noTransaction,
      ...(sqlite ? { inside: outOfReach, because: oneConnection.joined } : { inside: means.suspended }),
    },
    REQUIRED: { alone: itsOwnTransaction, inside: joined },
    REQUIRES_NEW: {
      alone: itsOwnTransaction,
      ...(sqlite
        ? { inside: means.savepoint, because: oneConnection.savepoint }
        : { inside: means.separate }),
    },
    SUPPORTS: { alone: noTransaction, inside: joined },
  };
}

describePropagation({
  title: '@Transactional() of @nestjs-cls/transactional',
  open,
  fates,
  refusal: /in mode (?:MANDATORY|NEVER)/,
});
