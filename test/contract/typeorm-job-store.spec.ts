import { createDatabase, describeBackends, type Backend, type TestDatabase } from '../support/database.js';
import { partitionJobs } from '../support/partitioned-jobs.js';
import { describeJobStore } from './job-store.contract.js';
import { openStore } from './support.js';

function describeSqlJobStore(
  backend: Backend,
  prepare: (database: TestDatabase) => Promise<void> = async () => undefined,
): void {
  describeJobStore(backend, async () => {
    const database = await createDatabase(backend);
    await prepare(database);
    const opened = [await openStore(database)];
    return {
      store: opened[0]!.store,
      // On SQLite the stores of one process share its one connection, and the gate before it.
      another: async () => {
        if (backend === 'sqlite') return opened[0]!.store;
        const other = await openStore(database, { extra: { poolSize: 2 } });
        opened.push(other);
        return other.store;
      },
      close: async () => {
        await Promise.all(opened.map((open) => open.close()));
        await database.drop();
      },
    };
  });
}

describeBackends('SqlJobStore', (backend) => describeSqlJobStore(backend));
describeBackends(
  'SqlJobStore on a partitioned table',
  (backend) => describeSqlJobStore(backend, partitionJobs),
  ['postgres'],
);
