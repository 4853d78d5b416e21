import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { HttpRequestStep, InvalidStepArgumentsError, Step } from '../../../lib/index.js';
import { dtmJob } from '../../../lib/tm/dtm/index.js';
import { TestApplication } from '../../support/application.js';
import { codecIsOn } from '../../support/codec.js';
import { Databases, describeManagers } from '../../support/placements.js';
import { Ping } from '../../support/steps.js';

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

@Step('tell-partner')
class TellPartner extends HttpRequestStep {}

describeManagers(
  'HttpRequestStep',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;
    let server: Server;
    let url: string;
    const requests: SeenRequest[] = [];
    let answer: (request: SeenRequest, response: ServerResponse) => void = (_, response) =>
      response.writeHead(204).end();

    beforeAll(async () => {
      server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const seen = {
            method: request.method!,
            url: request.url!,
            headers: request.headers,
            body: Buffer.concat(chunks).toString(),
          };
          requests.push(seen);
          answer(seen, response);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      databases = await Databases.create(backend, placement);
      app = await TestApplication.start(databases, {
        providers: [TellPartner],
        module: {
          retry: { delay: 5, jitter: false, maxAttempts: 4 },
          http: { allowedHosts: ['127.0.0.1'], secrets: (name) => `${name} s3cret-value`, timeout: '5s' },
        },
      });
    });
    afterAll(async () => {
      await app?.close();
      server?.closeAllConnections();
      await new Promise((resolve) => server?.close(resolve));
      await databases?.drop();
    });

    it('sends the request after the commit, with the key of the step, and every 2xx is a success', async () => {
      const body = { orderId: 'ü', lines: [1, 2] };
      const { gid } = await app.dataSource.transaction(async () => {
        const job = await app.jobs
          .createJob()
          .addStep(HttpRequestStep, {
            url: `${url}/orders?x=1`,
            method: 'put',
            headers: { 'X-Tenant': 'acme' },
            body,
          })
          .addStep(HttpRequestStep, { url: `${url}/ping` })
          .addStep(Ping)
          .start();
        expect(requests).toEqual([]);
        return job;
      });
      expect((await app.ended(gid)).status).toBe('succeeded');
      const [put, get] = requests;
      expect(put).toMatchObject({
        method: 'PUT',
        url: '/orders?x=1',
        headers: { 'x-tenant': 'acme', 'content-type': 'application/json' },
      });
      expect(JSON.parse(put!.body)).toEqual(body);
      expect(get).toMatchObject({ method: 'GET', url: '/ping', body: '' });
      expect(put!.headers['idempotency-key']).toBe(`${gid}:0`);
      expect(get!.headers['idempotency-key']).toBe(`${gid}:1`);
    });

    it('is repeated with the same key after any other answer, none at all, and none in time', async () => {
      requests.length = 0;
      // DTM doubles its wait each time.
      const last = app.atDtm ? 3 : 4;
      answer = ({ url: path }, response) => {
        const attempt = requests.filter((request) => request.url === path).length;
        if (attempt === last) response.writeHead(201).end();
        else if (attempt === 1) response.writeHead(503).end('later');
        else if (attempt === 2) response.destroy();
      };
      const { gid } = await app.jobs
        .createJob()
        .addStep(HttpRequestStep, { url: `${url}/flaky`, body: 'text', timeout: 200 })
        .start();
      const job = await app.ended(gid);
      expect(job).toMatchObject({
        status: 'succeeded',
        error: null,
        steps: [{ attempts: app.attempts(last) }],
      });
      expect(requests.map(({ method, body, headers }) => [method, body, headers['idempotency-key']])).toEqual(
        Array.from({ length: last }, () => ['POST', 'text', `${gid}:0`]),
      );
    });

    it('fails when its attempts are used up, and its error holds no secret', async ({ skip }) => {
      if (app.atDtm) skip('no job fails at DTM: it repeats steps without end');
      answer = (_, response) => response.writeHead(404).end();
      const headers = { authorization: 'Bearer hush' };
      const { gid } = await app.jobs
        .createJob()
        .addStep(HttpRequestStep, { url: `${url}/gone?token=hush`, headers, body: 'hush' })
        .start();
      const job = await app.ended(gid);
      expect(job).toMatchObject({ status: 'failed', steps: [{ attempts: 4 }] });
      expect(job.error).toContain('status 404');
      expect(job.error).toContain('/gone');
      expect(job.error).not.toContain('hush');
    });

    it('sends secret headers, and stores and logs no credential', async () => {
      requests.length = 0;
      answer = ({ headers }, response) => {
        const wrong = requests.length === 1;
        response.writeHead(wrong ? 401 : 204).end(wrong ? `${headers.authorization} has expired` : undefined);
      };
      const warn = vi.spyOn(Logger.prototype, 'warn');
      try {
        const { gid } = await app.jobs
          .createJob({ delay: app.atDtm ? 0 : 500 })
          .addStep(HttpRequestStep, {
            url: `${url}/bot123456:AAH-T0ken/send`,
            headers: { Authorization: { secret: 'PARTNER' } },
            body: {},
          })
          .start();
        const stored = async () => inspect(await databases.store.query('SELECT * FROM stepping_jobs'));
        if (!app.atDtm) expect((await stored()).includes('PARTNER')).toBe(!codecIsOn);
        expect((await app.ended(gid)).status).toBe('succeeded');
        expect(requests.map(({ headers }) => headers.authorization)).toEqual([
          'PARTNER s3cret-value',
          'PARTNER s3cret-value',
        ]);
        const logged = inspect(warn.mock.calls, { depth: 10 });
        expect(logged).toContain('HttpRequestError');
        // With a codec no message of an error is logged.
        expect(logged.includes('status 401')).toBe(!codecIsOn);
        expect(logged.includes('/***/send')).toBe(!codecIsOn);
        expect(logged).not.toMatch(/s3cret|T0ken/);
        if (!app.atDtm) expect(await stored()).not.toContain('s3cret');
      } finally {
        warn.mockRestore();
      }
    });

    it('goes to allowed hosts only, and does not take a redirect for a success', async ({ skip }) => {
      if (app.atDtm) skip('no job fails at DTM: it repeats steps without end');
      requests.length = 0;
      answer = ({ url: path }, response) =>
        path === '/pay'
          ? response.writeHead(302, { location: '/login' }).end()
          : response.writeHead(200).end();
      const errorOf = async (target: string): Promise<string | null> => {
        const { gid } = await app.jobs
          .createJob()
          .addStep(HttpRequestStep, { url: target, body: {} })
          .start();
        const job = await app.ended(gid);
        expect(job.status).toBe('failed');
        return job.error;
      };
      expect(await errorOf(url.replace('127.0.0.1', '127.0.0.2'))).toContain("'http.allowedHosts'");
      expect(requests).toEqual([]);
      expect(await errorOf(`${url}/pay`)).toMatch(/status 302, a redirect to 127\.0\.0\.1:\d+\/login/);
      expect(new Set(requests.map(({ method, url: path }) => `${method} ${path}`))).toEqual(
        new Set(['POST /pay']),
      );
    });

    it('has subclasses, which check their arguments and keep to the rules of the application', async () => {
      requests.length = 0;
      answer = (_, response) => response.writeHead(204).end();
      const job = app.jobs.createJob();
      for (const args of [{ url: 'no url' }, { url, header: {} }, { url, method: 'GET', body: 1 }])
        expect(() => job.addStep(TellPartner, args)).toThrow(InvalidStepArgumentsError);
      const { gid } = await job.addStep(TellPartner, { url, headers: { key: { secret: 'NAME' } } }).start();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(requests).toMatchObject([{ headers: { key: 'NAME s3cret-value' } }]);

      const elsewhere = url.replace('127.0.0.1', '127.0.0.2');
      const refused = await app.jobs.createJob().addStep(TellPartner, { url: elsewhere }).start();
      if (app.atDtm) return app.admin.cancel(refused.gid);
      expect((await app.ended(refused.gid)).error).toContain("'http.allowedHosts'");
    });

    it('is not left to DTM where the application has rules for it', async ({ skip }) => {
      if (!app.atDtm) skip('it is about DTM');
      requests.length = 0;
      const job = app.jobs
        .createJob({ manager: dtmJob({ directHttpSteps: true }) })
        .addStep(HttpRequestStep, { url, body: {} });
      await expect(job.start()).rejects.toMatchObject({
        name: 'InvalidOptionError',
        option: 'dtmJob.directHttpSteps',
      });
      expect(requests).toEqual([]);
    });

    it('refuses requests that can never be sent, when the step is added', () => {
      const job = app.jobs.createJob();
      for (const args of [
        {},
        { url: '/relative' },
        { url: 'ftp://example.org' },
        { url: 'http://user:secret@example.org' },
        { url, method: 'GET', body: 'x' },
        { url, method: 'CONNECT' },
        { url, headers: { 'bad name': 'x' } },
        { url, timeout: 'soon' },
        { url, headers: { host: 'elsewhere' } },
        { url, headers: { a: { secret: 'x', b: 'y' } } },
        { url, redirect: 'manual' },
        { url, metod: 'POST' },
      ]) {
        expect(() => job.addStep(HttpRequestStep, args as never), JSON.stringify(args)).toThrow(
          InvalidStepArgumentsError,
        );
      }
    });
  },
  { only: ['sqlite'], selfTm: ['one'] },
);
