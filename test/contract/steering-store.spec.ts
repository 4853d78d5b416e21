import { expect } from 'vitest';
import { steeringFor } from '../../lib/store/databases.js';
import { MemoryJobStore } from '../../lib/store/memory.job-store.js';
import { MemoryAuditStore } from '../../lib/store/steering/memory.audit-store.js';
import { MemorySteeringStore } from '../../lib/store/steering/memory.steering-store.js';
import { createDatabase, describeBackends, exceptOnTidb, itOn } from '../support/database.js';
import { describeSteeringStore } from './steering-store.contract.js';
import { newJob, onRunner, openStore } from './support.js';

describeSteeringStore('memory', async () => {
  const store = new MemoryJobStore();
  const audit = new MemoryAuditStore();
  return { store, audit, steering: new MemorySteeringStore(store, audit), close: async () => undefined };
});

describeBackends('SqlSteeringStore', (backend) => {
  describeSteeringStore(backend, async () => {
    const database = await createDatabase(backend);
    const { store, dialect, connection, close } = await openStore(database);
    return {
      store,
      ...steeringFor(dialect, connection, store),
      close: async () => {
        await close();
        await database.drop();
      },
    };
  });

  exceptOnTidb('a locked row refuses its batch there', itOn(backend, 'postgres', 'mariadb'))(
    'leaves out jobs that are locked',
    async () => {
      const database = await createDatabase(backend);
      const { store, dialect, connection, dataSource, close } = await openStore(database);
      try {
        const { steering, audit } = steeringFor(dialect, connection, store);
        const jobs = [newJob({ dueIn: 60_000 }), newJob({ dueIn: 60_000 })];
        await store.insert(jobs);
        const [locked, free] = jobs.map(({ gid }) => gid) as [string, string];
        const auditId = await audit.add({
          ...{ action: 'cancel', gid: null, step: null, by: null, reason: null, count: 0, detail: null },
        });
        await onRunner(dataSource, async (runner) => {
          const place = backend === 'postgres' ? '$1' : '?';
          await runner.query(`UPDATE stepping_jobs SET name = 'locked' WHERE gid = ${place}`, [locked]);
          expect(await steering.cancelAll([locked, free], { conditions: {}, auditId })).toEqual([free]);
        });
        expect((await store.find(locked))!.status).toBe('submitted');
        expect(await audit.list({ limit: 1 })).toMatchObject([{ count: 1 }]);
      } finally {
        await close();
        await database.drop();
      }
    },
  );
});
