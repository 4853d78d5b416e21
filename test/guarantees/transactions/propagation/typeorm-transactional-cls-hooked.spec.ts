import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  StorageDriver,
} from 'typeorm-transactional';
import { describePropagation } from './contract.js';
import { typeormTransactional } from './typeorm-transactional.js';

// The library's default. One process has one storage driver, so it needs a file of its own.
initializeTransactionalContext({ storageDriver: StorageDriver.CLS_HOOKED });

const { title, providers: _, ...suite } = typeormTransactional;

describePropagation({
  ...suite,
  title: `${title} on cls-hooked, added after the start of Stepping`,
  placements: ['one'],
  open: (app) => {
    addTransactionalDataSource(app.dataSource);
    return suite.open(app);
  },
});
