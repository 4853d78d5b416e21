import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  StorageDriver,
} from 'typeorm-transactional';
import { describePropagation } from './contract.js';
import { means } from './fates.js';
import { typeormTransactional } from './typeorm-transactional.js';

initializeTransactionalContext({ storageDriver: StorageDriver.AUTO });

describePropagation(typeormTransactional);

const { title, fates, providers: _, ...suite } = typeormTransactional;

describePropagation({
  ...suite,
  title: `${title} with { patch: false }`,
  placements: ['one'],
  open: (app) => {
    addTransactionalDataSource({ dataSource: app.dataSource, patch: false });
    return suite.open(app);
  },
  fates: (backend, placement) => ({
    REQUIRED: fates(backend, placement).REQUIRED!,
    NOT_SUPPORTED: {
      alone: means.noTransaction,
      ...(backend === 'sqlite'
        ? { inside: means.joined }
        : { inside: means.jobJoined, because: 'nothing tells that the transaction is suspended' }),
    },
  }),
});
