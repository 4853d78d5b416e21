import { expect, it } from 'vitest';
import { HttpRequestStep } from '../../../../lib/index.js';
import { dtmJob, DtmUnsupportedError } from '../../../../lib/tm/dtm/index.js';
import { payloadOf, valueOf } from '../../../support/dtm/edited.js';
import { Endpoint } from '../../../support/endpoint.js';
import { SECRET } from '../../../support/dtm/dtm-place.js';
import { describePlainInterop } from '../../../support/dtm/scene.js';

async function endpointOfTest(finished: (close: () => Promise<void>) => void): Promise<Endpoint> {
  const endpoint = await Endpoint.start();
  finished(endpoint.close);
  return endpoint;
}

const DIRECT = dtmJob({ directHttpSteps: true, retryInterval: '1s' });

describePlainInterop('a request to an endpoint of other people', (scene, { protocol }) => {
  const create = (direct: boolean, url: string, body?: object) =>
    scene()
      .app.jobs.createJob({ ...(direct && { manager: DIRECT }) })
      .addStep(HttpRequestStep, body ? { url, body } : { url });

  it('#16 is sent by the application: POST with a body as JSON, GET without', async ({
    onTestFinished: end,
  }) => {
    const endpoint = await endpointOfTest(end);
    const [post, get] = [
      create(false, `${endpoint.url}/paid`, { amount: 7 }),
      create(false, `${endpoint.url}/look?page=2&q=a%20b`),
    ];
    for (const job of [post, get]) {
      await scene().app.order(job);
      await scene().reaches(job.gid, 'succeed');
    }
    expect(endpoint.requests).toMatchObject([
      {
        method: 'POST',
        path: '/paid',
        body: '{"amount":7}',
        headers: { 'content-type': 'application/json' },
      },
      { method: 'GET', path: '/look', parameters: { page: '2', q: 'a b' }, body: '' },
    ]);
    expect(endpoint.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      `${post.gid}:0`,
      `${get.gid}:0`,
    ]);
  });

  it('#16 is sent by DTM itself, which adds its parameters; not over gRPC', async ({
    onTestFinished: end,
  }) => {
    const endpoint = await endpointOfTest(end);
    const { app } = scene();
    const [post, get] = [
      create(true, `${endpoint.url}/paid`, { amount: 7 }),
      create(true, `${endpoint.url}/look?page=2&q=a%20b`),
    ];
    if (protocol === 'grpc') {
      await expect(app.order(post)).rejects.toBeInstanceOf(DtmUnsupportedError);
      return expect(scene().toDtm.of(post.gid, 'prepare')).toEqual([]);
    }
    for (const job of [post, get]) {
      await app.order(job);
      await scene().reaches(job.gid, 'succeed');
    }
    const common = { trans_type: 'msg', branch_id: '01', op: 'action' };
    expect(endpoint.requests).toMatchObject([
      {
        method: 'POST',
        path: '/paid',
        parameters: { ...common, gid: post.gid },
        body: '{"amount":7}',
        headers: { 'content-type': 'application/json' },
      },
      {
        method: 'GET',
        path: '/look',
        parameters: { ...common, gid: get.gid, page: '2', q: 'a b' },
        body: '',
      },
    ]);
    expect(scene().toApp.of(post.gid, 'step')).toEqual([]);
  });

  it('#16 is not sent by DTM where its rules would be lost', async () => {
    if (protocol === 'grpc') return;
    const { app } = scene();
    const job = app.jobs
      .createJob({ manager: DIRECT })
      .addStep(HttpRequestStep, { url: 'http://127.0.0.1:1/', redirect: 'follow' });
    await expect(app.order(job)).rejects.toBeInstanceOf(DtmUnsupportedError);
    expect(scene().toDtm.of(job.gid, 'prepare')).toEqual([]);
  });

  it('#17 has succeeded with 201 when the application sends it', async ({ onTestFinished: end }) => {
    const endpoint = await endpointOfTest(end);
    endpoint.statuses.push(201);
    const job = create(false, endpoint.url, {});
    await scene().app.order(job);
    await scene().reaches(job.gid, 'succeed');
    expect(endpoint.requests).toHaveLength(1);
  });

  it('#17 is repeated after 201 when DTM sends it; not over gRPC', async ({ onTestFinished: end }) => {
    const endpoint = await endpointOfTest(end);
    endpoint.statuses.push(201, 204);
    const job = create(true, endpoint.url, {});
    if (protocol === 'grpc') {
      await expect(scene().app.order(job)).rejects.toBeInstanceOf(DtmUnsupportedError);
      return;
    }
    await scene().app.order(job);
    await scene().reaches(job.gid, 'succeed');
    expect(endpoint.requests).toHaveLength(3);
  });

  it.for([false, true])(
    '#19 tells the endpoint neither token nor lookup (sent by DTM: %s)',
    async (direct, { skip, onTestFinished: end }) => {
      if (direct && protocol === 'grpc') skip('over gRPC DTM sends no requests to endpoints: see #16');
      const endpoint = await endpointOfTest(end);
      const { app, toApp, server } = scene();
      const runner = await app.begin();
      const manager = direct ? DIRECT : dtmJob({});
      const job = app.jobs
        .createJob({ transaction: runner, manager })
        .addStep(HttpRequestStep, { url: endpoint.url, body: { amount: 7 } });
      await job.prepare();
      await runner.commitTransaction();
      await runner.release();
      await scene().reaches(job.gid, 'succeed');

      // What DTM was told, from its own calls: they hold the lookup, and signatures.
      const [query, step] = toApp.of(job.gid);
      const secrets = [valueOf(query!, 'stepping-query'), valueOf(query!, 'stepping-signature')];
      if (step) secrets.push(payloadOf(step).signature as string);
      const { transaction, branches } = await server.query(job.gid);
      expect(JSON.stringify([transaction, branches])).not.toContain(SECRET);

      expect(endpoint.requests).toHaveLength(1);
      const [{ headers, parameters, body }] = endpoint.requests as [(typeof endpoint.requests)[0]];
      const received = JSON.stringify([headers, parameters, body]);
      for (const secret of [...secrets, 'stepping', 'signature', SECRET, 'default']) {
        expect(received).not.toContain(secret);
      }
      expect(body).toBe('{"amount":7}');
    },
  );
});
