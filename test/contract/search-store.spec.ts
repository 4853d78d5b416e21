import { searchFor } from '../../lib/store/databases.js';
import { MemoryJobStore } from '../../lib/store/memory.job-store.js';
import { MemorySearchStore } from '../../lib/store/search/memory.search-store.js';
import { createDatabase, describeBackends } from '../support/database.js';
import { describeSearchStore, SEARCHED } from './search-store.contract.js';
import { openStore } from './support.js';

describeSearchStore('memory', async () => {
  const store = new MemoryJobStore();
  return { store, searches: new MemorySearchStore(store, SEARCHED), close: async () => undefined };
});

describeBackends('SqlSearchStore', (backend) => {
  describeSearchStore(backend, async () => {
    const database = await createDatabase(backend);
    const { store, dialect, connection, close } = await openStore(database);
    const searches = searchFor(dialect, connection, store);
    Object.defineProperty(searches, 'rows', { value: SEARCHED });
    return {
      store,
      searches,
      close: async () => {
        await close();
        await database.drop();
      },
    };
  });
});
