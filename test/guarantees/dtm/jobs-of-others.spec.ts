import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { DuplicateGidError, JobNotFoundError, type DatabaseLookup } from '../../../lib/index.js';
import { SECRET } from '../../support/dtm/dtm-place.js';
import { describeInterop, type Scene } from '../../support/dtm/scene.js';
import { signedQuery } from '../../support/dtm/signed.js';
import { Ping } from '../../support/steps.js';

const asked: DatabaseLookup[] = [];

const QUERY = {
  database: { dataSource: 'default', tenant: 'victim' },
  requestTimeout: 30,
  time: Date.now(),
  queryPreparedAfter: 3600,
};

/** A job that another service has given to the same DTM server. */
async function foreignJob(
  scene: Scene,
  gid: string,
  query: Record<string, string>,
  ours: boolean,
): Promise<void> {
  const grpc = scene.variant.protocol === 'grpc';
  const host = ours ? scene.addresses.callback : `${grpc ? '' : 'http://'}127.0.0.1:9`;
  const step = grpc ? `${host}/stepping.Callbacks/Step` : `${host}/stepping/step`;
  const address = grpc
    ? `${host}/stepping.Callbacks/QueryPrepared`
    : `${host}/stepping/query-prepared?${new URLSearchParams(query).toString()}`;
  const response = await fetch(`${scene.server.httpUrl}/api/dtmsvr/prepare`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      gid,
      trans_type: 'msg',
      protocol: scene.variant.protocol,
      steps: [{ action: step }],
      payloads: ['{"step":"ping","args":{"card":"4111-OTHER"},"requestTimeout":30}'],
      query_prepared: address,
      custom_data: '{"name":"theirs"}',
      timeout_to_fail: 3600,
      ...(grpc && { branch_headers: query }),
    }),
  });
  expect(response.status).toBe(200);
}

describeInterop(
  'jobs of other services at one DTM server',
  (scene) => {
    const unsigned = { 'stepping-query': signedQuery(SECRET, 'x', QUERY)['stepping-query']! };
    const jobs: readonly [what: string, ours: boolean, query: (gid: string) => Record<string, string>][] = [
      ['of another address', false, (gid) => signedQuery(SECRET, gid, QUERY)],
      ['of another address, unsigned', false, () => unsigned],
      ['without a signature', true, () => unsigned],
      ['with a signature of another secret', true, (gid) => signedQuery('Qz8wKf3mXv6tRb9n', gid, QUERY)],
      ['with a signature for another job', true, () => signedQuery(SECRET, randomUUID(), QUERY)],
      ['without a token', true, () => ({})],
    ];

    it.for(jobs)('are not there: %s', async ([, ours, query]) => {
      const { app } = scene();
      for (const end of ['prepared', 'failed'] as const) {
        const gid = randomUUID();
        await foreignJob(scene(), gid, query(gid), ours);
        if (end === 'failed') await scene().server.forceStop(gid);
        expect(await app.admin.find(gid)).toBeNull();
        for (const action of ['retry', 'cancel'] as const) {
          await expect(app.admin[action](gid)).rejects.toThrow(JobNotFoundError);
        }
        expect(await scene().status(gid)).toBe(end);
        const listed = await app.admin.list({ limit: 1000, includeArgs: true });
        expect(JSON.stringify(listed)).not.toMatch(new RegExp(`${gid}|4111|theirs`));
      }
      expect(asked).toEqual([]);
    });

    it('are none that a job of their gid could be the same as', async () => {
      const { app } = scene();
      const gid = randomUUID();
      await foreignJob(scene(), gid, signedQuery(SECRET, gid, QUERY), false);
      for (const transaction of ['none', undefined] as const) {
        const start = () =>
          app.jobs
            .createJob({ gid, ...(transaction && { transaction }) })
            .addStep('ping', { card: '4111-OTHER' })
            .start();
        const started = transaction ? start() : app.dataSource.transaction(start);
        const error = await started.then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(DuplicateGidError);
        expect((error as Error).message).not.toContain('ping');
      }
      expect(await scene().status(gid)).toBe('prepared');
    });

    it('leave our own ones visible', async () => {
      const { app } = scene();
      const { gid } = await app.jobs.createJob({ transaction: 'none', delay: '1h' }).addStep(Ping).start();
      expect(await app.admin.find(gid)).toMatchObject({ gid, status: 'submitted' });
      await app.admin.cancel(gid);
      expect(await app.admin.find(gid)).toMatchObject({ status: 'canceled' });
    });
  },
  {
    module: {
      requireTransaction: false,
      dataSourceResolver: (lookup) => {
        if (lookup.tenant === 'victim') asked.push(lookup);
        return undefined;
      },
    },
  },
);
