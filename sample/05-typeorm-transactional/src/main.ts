import 'reflect-metadata';
import { initializeTransactionalContext, StorageDriver } from 'typeorm-transactional';
import { runDemonstration } from './demo/demonstration.js';

// Call this once, before the application is created.
initializeTransactionalContext({ storageDriver: StorageDriver.ASYNC_LOCAL_STORAGE });
process.exitCode = await runDemonstration();
