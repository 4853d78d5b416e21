import type { Client, Pool } from 'pg';
import { expect, it } from 'vitest';
import type { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { suiteApplication } from '../../support/suite-application.js';

describeBackends(
  'a connection that the server ends at the moment at which the pool gives it away',
  (backend) => {
    let app: TestApplication;
    suiteApplication(backend, 'one', (started) => ({ app } = started));

    it('does not end the process, be it old or new', async () => {
      const pool = (app.dataSource.driver as unknown as { master: Pool }).master;
      const count = pool.totalCount + 1;
      const given = await Promise.all(
        Array.from(
          { length: count },
          () =>
            new Promise<{ refused: unknown; release: (destroy: boolean) => void }>((resolve, reject) => {
              pool.connect((error, client, release) => {
                if (error) return reject(error);
                // As pg does with what a server says while nothing is asked. Without a listener, emit() throws.
                let refused: unknown;
                try {
                  (client as unknown as Client).emit('error', new Error('terminating connection'));
                } catch (thrown) {
                  refused = thrown;
                }
                resolve({ refused, release });
              });
            }),
        ),
      );
      for (const { release } of given) release(true);
      expect(given.map(({ refused }) => refused)).toEqual(given.map(() => undefined));
    });
  },
  ['postgres'],
);
