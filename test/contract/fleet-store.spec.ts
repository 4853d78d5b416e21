import { fleetStoreFor } from '../../lib/store/databases.js';
import { MemoryFleetStore } from '../../lib/store/fleet/memory.fleet-store.js';
import { MemoryJobStore } from '../../lib/store/memory.job-store.js';
import { createDatabase, describeBackends } from '../support/database.js';
import { describeFleetStore } from './fleet-store.contract.js';
import { openStore } from './support.js';

describeBackends('SqlFleetStore', (backend) => {
  describeFleetStore(backend, async () => {
    const database = await createDatabase(backend);
    const open = await openStore(database);
    return {
      fleet: fleetStoreFor(open.dialect, open.connection),
      jobs: open.store,
      close: async () => {
        await open.close();
        await database.drop();
      },
    };
  });
});

describeFleetStore('memory', async () => {
  const jobs = new MemoryJobStore();
  return { fleet: new MemoryFleetStore(jobs), jobs, close: async () => undefined };
});
