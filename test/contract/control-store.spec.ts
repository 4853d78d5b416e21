import { MemoryControlStore } from '../../lib/store/memory.control-store.js';
import { SqlControlStore } from '../../lib/store/sql.control-store.js';
import { createDatabase, describeBackends } from '../support/database.js';
import { describeControlStore } from './control-store.contract.js';
import { openStore } from './support.js';

describeBackends('SqlControlStore', (backend) => {
  describeControlStore(backend, async () => {
    const database = await createDatabase(backend);
    const opened = [await openStore(database)];
    const first = opened[0]!;
    // On SQLite the stores of one process share its one connection, and the gate before it.
    if (backend !== 'sqlite') opened.push(await openStore(database, { extra: { poolSize: 2 } }));
    const other = opened.at(-1)!;
    return {
      store: new SqlControlStore(first.connection, first.dialect),
      another: new SqlControlStore(other.connection, other.dialect),
      close: async () => {
        await Promise.all(opened.map((open) => open.close()));
        await database.drop();
      },
    };
  });
});

describeControlStore('memory', async () => {
  const store = new MemoryControlStore();
  return { store, another: store, close: async () => undefined };
});
