import { createDatabase, describeBackends } from '../support/database.js';
import { describeJobStore } from './job-store.contract.js';
import { openStore } from './support.js';

describeBackends('SqlJobStore', (backend) => {
  describeJobStore(backend, async () => {
    const database = await createDatabase(backend);
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
});
