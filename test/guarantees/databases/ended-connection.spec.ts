import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { Client, Pool } from 'pg';
import { afterEach, expect, it, vi } from 'vitest';
import type { TestApplication } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import type { Databases } from '../../support/placements.js';
import { suiteApplication } from '../../support/suite-application.js';
import { waitFor } from '../../support/wait-for.js';

afterEach(() => vi.restoreAllMocks());

describeBackends(
  'a connection that the server ends at the moment at which the pool gives it away',
  (backend) => {
    let app: TestApplication;
    suiteApplication(backend, 'one', (started) => ({ app } = started));

    const expectHeard = async () => {
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
    };

    it('does not end the process, be it old or new', expectHeard);

    it('nor does one of a pool that was opened again', async () => {
      await app.dataSource.destroy();
      await app.dataSource.initialize();
      await expectHeard();
    });
  },
  ['postgres'],
);

/** A connection of `pg` or `mysql2`. */
interface Connection {
  readonly stream?: Socket;
  readonly connection?: { readonly stream: Socket };
  query(...args: any[]): unknown;
}
/** The pools of both tell it. */
interface Acquiring {
  on(event: 'acquire', listener: (connection: Connection) => void): unknown;
}

describeBackends(
  'a connection that was closed while it lay idle',
  (backend) => {
    let app: TestApplication;
    suiteApplication(backend, 'one', (started) => ({ app } = started));

    /** The next so many claims get such a connection. */
    const closeUnderClaims = (count: number): { left: number } => {
      const closing = { left: count };
      const driver = app.dataSource.driver as unknown as { master?: Acquiring; pool?: Acquiring };
      const known = new WeakSet<Connection>();
      (driver.master ?? driver.pool)!.on('acquire', (connection) => {
        if (known.has(connection)) return;
        known.add(connection);
        const query = connection.query;
        connection.query = function (this: Connection, ...args: any[]): unknown {
          const sql = String((args[0] as { text?: string; sql?: string }).text ?? args[0].sql ?? args[0]);
          if (closing.left > 0 && /due_at[^]*SKIP LOCKED/.test(sql)) {
            closing.left -= 1;
            (connection.stream ?? connection.connection!.stream).destroy();
          }
          return query.apply(this, args);
        };
      });
      return closing;
    };
    const reports = (errors: { mock: { calls: unknown[][] } }) =>
      errors.mock.calls.flat().filter((line) => String(line).includes('Recovery cannot reach'));
    const claims = async () => {
      const { lastRunAt } = app.admin.recovery();
      await waitFor(() => app.admin.recovery().lastRunAt! > lastRunAt!);
    };

    it('is no outage: the claim is made on another one', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      await claims();
      const closing = closeUnderClaims(1);
      await waitFor(() => closing.left === 0);
      await claims();
      expect(reports(errors)).toEqual([]);
    });

    it('is one when the other is closed as well', async () => {
      const errors = vi.spyOn(Logger.prototype, 'error');
      await claims();
      const closing = closeUnderClaims(2);
      await waitFor(() => closing.left === 0);
      await claims();
      expect(reports(errors)).toHaveLength(1);
    });
  },
  ['postgres', 'mariadb'],
);

describeBackends(
  'the connection that listens',
  (backend) => {
    let app: TestApplication;
    let databases: Databases;
    suiteApplication(backend, 'one', (started) => ({ app, databases } = started), {
      dataSource: { extra: { application_name: 'listens-again' } },
    });

    it('is opened again without a word when the server has closed it, and missed in one when it cannot be', async () => {
      const warnings = vi.spyOn(Logger.prototype, 'warn');
      const missed = () => warnings.mock.calls.flat().filter((line) => String(line).includes('LISTEN'));
      const long = `backend_start < clock_timestamp() - interval '1.5 seconds'`;
      const listener = (since = 'true') =>
        waitFor(async () => {
          const [row] = await databases.store.query<{ pid: number }>(
            `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN "stepping_%' AND application_name = 'listens-again' AND ${since}`,
          );
          return row?.pid;
        });
      const end = (pid: number) => databases.store.query('SELECT pg_terminate_backend($1)', [pid]);
      for (let time = 0; time < 3; time += 1) {
        const pid = await listener(long);
        await end(pid);
        expect(await listener()).not.toBe(pid);
      }
      expect(missed()).toEqual([]);

      const { options } = (app.dataSource.driver as unknown as { master: Pool }).master;
      const { connectionString } = options;
      const pid = await listener(long);
      options.connectionString = 'postgres://127.0.0.1:1/nobody';
      await end(pid);
      await waitFor(() => missed().length > 0);
      options.connectionString = connectionString;
      await listener();
      expect(missed()).toHaveLength(1);
    });
  },
  ['postgres'],
);
