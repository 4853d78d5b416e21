import {
  addTransactionalDataSource,
  deleteDataSourceByName,
  Propagation,
  runOnTransactionCommit,
  Transactional,
} from 'typeorm-transactional';
import { DataSource } from 'typeorm';
import { it } from 'vitest';
import type { TestApplication } from '../../../support/application.js';
import type { Placement } from '../../../support/placements.js';
import { expectRanOnce, startPing } from '../../../support/fates.js';
import { Order } from '../../../support/order.entity.js';
import type { Backend } from '../../../support/database.js';
import { waitFor } from '../../../support/wait-for.js';
import type { PropagationSuite } from './contract.js';
import { means, oneConnection, type PropagationFates } from './fates.js';
import type { Scene, TransactionLibrary } from './scene.js';

/** typeorm-transactional, whose context the spec file has initialized: that happens once per process. */
export const typeormTransactional: PropagationSuite = {
  title: '@Transactional() of typeorm-transactional',
  providers: [
    {
      provide: 'transactional',
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => addTransactionalDataSource(dataSource),
    },
  ],
  open,
  fates,
  refusal: /marked with propagation '(?:MANDATORY|NEVER)'/,
  more: hooks,
};

async function open(app: TestApplication): Promise<TransactionLibrary> {
  const orders = app.dataSource.getRepository(Order);
  return {
    run: async (propagation, work) => {
      class Service {
        @Transactional({ propagation: propagation as Propagation })
        async call(): Promise<void> {
          await work();
        }
      }
      await new Service().call();
    },
    write: async (id) => void (await orders.insert({ id })),
    close: async () => void deleteDataSourceByName('default'),
  };
}

function fates(backend: Backend, placement: Placement): Record<Propagation, PropagationFates> {
  const { itsOwnTransaction, noTransaction, joined } = means;
  const another =
    backend === 'sqlite'
      ? { inside: means.savepoint, because: oneConnection.savepoint }
      : { inside: means.separate };
  const outOfReach = placement === 'one' ? means.orderJoinedJobRefused : means.orderJoined;
  return {
    MANDATORY: { alone: means.notCalledAlone, inside: joined },
    NESTED: {
      alone: itsOwnTransaction,
      because: 'the library opens a transaction of its own, no savepoint',
      ...another,
    },
    NEVER: { alone: noTransaction, inside: means.notCalled },
    NOT_SUPPORTED:
      backend === 'sqlite'
        ? { alone: noTransaction, inside: outOfReach, because: oneConnection.joined }
        : { alone: noTransaction, inside: means.suspended },
    REQUIRED: { alone: itsOwnTransaction, inside: joined },
    REQUIRES_NEW: { alone: itsOwnTransaction, ...another },
    SUPPORTS: { alone: noTransaction, inside: joined },
  };
}

function hooks(scene: () => Scene): void {
  it('a job that is started by runOnTransactionCommit() is one of its own', async () => {
    const { app, library } = scene();
    let start: Promise<string> | undefined;
    await library.run('REQUIRED', async () => {
      runOnTransactionCommit(() => void (start = startPing(app)));
    });
    await waitFor(() => start !== undefined, { message: 'the hook' });
    await expectRanOnce(app, await start!);
  });
}
