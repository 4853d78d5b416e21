import { initializeTransactionalContext, StorageDriver } from 'typeorm-transactional';
import { expect, it } from 'vitest';
import { describePropagation } from './contract.js';
import type { Written } from './scene.js';
import { typeormTransactional } from './typeorm-transactional.js';

initializeTransactionalContext({ storageDriver: StorageDriver.AUTO });

const failure = new Error('no');

describePropagation({
  ...typeormTransactional,
  title: 'a REQUIRES_NEW method of typeorm-transactional that is not awaited yet',
  fates: () => ({}),
  more: (scene, backend) => {
    // On its AsyncLocalStorage the library shows the caller the manager of the method that runs beside it.
    it.each([
      { ending: 'commits', caller: 'commits', fate: 'kept' },
      {
        ending: 'commits',
        caller: 'rolls back',
        fate: backend === 'sqlite' ? 'gone' : 'kept',
      },
      { ending: 'rolls back', caller: 'commits', fate: 'gone' },
      { ending: 'rolls back', caller: 'rolls back', fate: 'gone' },
    ] as const)(
      'it $ending, its caller $caller: what the caller does meanwhile is $fate',
      async ({ ending, caller, fate }) => {
        const { library } = scene();
        const written: Written = {};
        const call = library.run('REQUIRED', async () => {
          let opened!: () => void;
          let end!: () => void;
          const hasOpened = new Promise<void>((resolve) => (opened = resolve));
          const mayEnd = new Promise<void>((resolve) => (end = resolve));
          const other = library.run('REQUIRES_NEW', async () => {
            opened();
            await mayEnd;
            if (ending === 'rolls back') throw failure;
          });
          await hasOpened;
          await scene().write(written);
          end();
          await other.catch((error: unknown) => expect(error).toBe(failure));
          if (caller === 'rolls back') throw failure;
        });
        if (caller === 'rolls back') await expect(call).rejects.toBe(failure);
        else await call;
        await scene().expectFates([written, fate]);
      },
    );
  },
});
