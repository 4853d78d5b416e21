import {
  Catch,
  HttpException,
  UnauthorizedException,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DistributedJobFactory, DistributedJobs, SteppingOperations } from 'nestjs-stepping';
import { FRAMEWORKS, startDashboard } from './support.js';

class NotSignedIn implements CanActivate {
  canActivate(): never {
    throw new UnauthorizedException();
  }
}

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

describe.each(FRAMEWORKS)('on %s', (framework) => {
  const start = () => startDashboard(framework, { options: { access: 'write' } });

  it('the policy of the page allows its own script and style, and nothing else', async () => {
    const { headers, text } = await (await start()).ask('/stepping');
    const hashes = (element: string) =>
      [...text.matchAll(new RegExp(`<${element}[^>]*>([^]*?)</${element}>`, 'g'))]
        .map(([, inner]) => ` 'sha256-${createHash('sha256').update(inner!).digest('base64')}'`)
        .join('');
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; script-src${hashes('script')}; style-src${hashes('style')}; connect-src 'self'; ` +
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(text).not.toMatch(/ (?:style|on[a-z]+)="/);
  });

  it('every answer has the headers that keep it to itself', async () => {
    const served = await start();
    for (const path of ['/stepping', '/stepping/api/session', '/stepping/api/job?gid=none']) {
      const { headers } = await served.ask(path);
      expect([path, headers]).toMatchObject([
        path,
        {
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-resource-policy': 'same-origin',
          'referrer-policy': 'no-referrer',
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'cache-control': path === '/stepping' ? 'no-cache' : 'no-store',
        },
      ]);
    }
  });

  it('the page is sent compressed, and once', async () => {
    const served = await start();
    const plain = await served.ask('/stepping');
    const compressed = await served.ask('/stepping', { headers: { 'accept-encoding': 'br, gzip' } });
    expect(compressed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(compressed.bytes).equals(plain.bytes)).toBe(true);
    for (const encoding of ['identity', 'gzip;q=0', 'gzip; q=0.0, br', 'xgzip']) {
      const { headers } = await served.ask('/stepping', { headers: { 'accept-encoding': encoding } });
      expect([encoding, headers['content-encoding']]).toEqual([encoding, undefined]);
    }
    const tag = plain.headers['etag']!;
    for (const known of [tag, tag.replace('W/', ''), `"x", ${tag}`]) {
      const { status, bytes, headers } = await served.ask('/stepping', {
        headers: { 'if-none-match': known },
      });
      expect([status, bytes.length]).toEqual([304, 0]);
      expect(headers['content-security-policy']).toBe(plain.headers['content-security-policy']);
    }
    expect((await served.ask('/stepping', { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
  });

  it.each(['session', 'jobs', 'job?gid=quiet', 'audit'])(
    'what has not changed is not sent again: %s',
    async (path) => {
      const served = await start();
      const jobs = served.app.get(DistributedJobFactory, { strict: false });
      await jobs.createJob({ gid: 'quiet', delay: '1h' }).addStep('never').start();
      const first = await served.ask(`/stepping/api/${path}`);
      const headers = { 'if-none-match': first.headers['etag']! };
      const second = await served.ask(`/stepping/api/${path}`, { headers });
      expect([second.status, second.text]).toEqual([304, '']);
    },
  );

  it('HEAD is answered as GET, without a body', async () => {
    const served = await start();
    for (const path of ['/stepping', '/stepping/', '/stepping/api/session']) {
      const [get, head] = [await served.ask(path), await served.ask(path, { method: 'HEAD' })];
      expect([path, head.status, head.text]).toEqual([path, 200, '']);
      expect(head.headers['content-length']).toBe(String(get.bytes.length));
      expect(head.headers['etag']).toBe(get.headers['etag']);
    }
  });

  it('errors of the library have their status, and others tell nothing', async () => {
    const served = await start();
    const jobs = served.app.get(DistributedJobs, { strict: false });
    const { json, status } = await served.post('/stepping/api/cancel', { gid: 'none' });
    expect([status, json.code]).toEqual([404, 'STEPPING_JOB_NOT_FOUND']);
    jobs.cancel = () => Promise.reject(new Error('password=hunter2 at 10.0.0.7\nforged line'));
    for (let i = 0; i < 20; i += 1) {
      const failed = await served.post('/stepping/api/cancel', { gid: 'none' });
      expect([failed.status, failed.json.code]).toEqual([500, 'FAILED']);
      expect(failed.text).not.toContain('hunter2');
    }
    expect(served.lines).toHaveLength(5);
    for (const line of served.lines)
      expect(line).toMatch(/^A request of the dashboard failed: .*hunter2.*\\nforged line/);
    served.app.get(SteppingOperations, { strict: false }).resume = () =>
      Promise.reject(Object.assign(new Error('Not here.'), { code: 'STEPPING_OPERATION_UNSUPPORTED' }));
    const unsupported = await served.post('/stepping/api/resume', { step: 'a' });
    expect([unsupported.status, unsupported.json]).toEqual([
      501,
      { code: 'STEPPING_OPERATION_UNSUPPORTED', message: 'Not here.' },
    ]);
  });

  it('a person whom the dashboard refuses the page reads a sentence', async () => {
    const served = await startDashboard(framework, { options: { access: () => false } });
    const { headers, text } = await served.ask('/stepping', { headers: HTML });
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text).toBe('You are not allowed to see the dashboard.');
  });

  it('with `loginUrl`, a browser that a guard refuses the page is sent there', async () => {
    const served = await startDashboard(framework, {
      options: { guards: [NotSignedIn], loginUrl: '/login?then=stepping' },
    });
    for (const path of ['/stepping', '/stepping/']) {
      const { status, headers } = await served.ask(path, { headers: HTML });
      expect([path, status, headers.location]).toEqual([path, 302, '/login?then=stepping']);
    }
    expect((await served.ask('/stepping')).status).toBe(401);
    expect((await served.ask('/stepping/api/session', { headers: HTML })).status).toBe(401);
  });

  it('other refusals go to the filters of the application', async () => {
    @Catch(HttpException)
    class First implements ExceptionFilter {
      catch(_exception: HttpException, host: ArgumentsHost): void {
        answer(host, 'first');
      }
    }
    @Catch(UnauthorizedException)
    class Second implements ExceptionFilter {
      catch(_exception: HttpException, host: ArgumentsHost): void {
        answer(host, 'second');
      }
    }
    @Catch(SyntaxError)
    class Other extends BaseExceptionFilter {}
    const answer = (host: ArgumentsHost, text: string): void => {
      served.app.getHttpAdapter().reply(host.switchToHttp().getResponse(), text, 418);
    };
    const served = await startDashboard(framework, {
      options: { guards: [NotSignedIn], loginUrl: '/login' },
      setUp: (app) => app.useGlobalFilters(new First(), new Second(), new Other(app.getHttpAdapter())),
    });
    for (const path of ['/stepping', '/stepping/', '/stepping/api/session']) {
      const { status, text } = await served.ask(path);
      expect([path, status, text]).toEqual([path, 418, 'second']);
    }
    expect((await served.ask('/stepping', { headers: HTML })).status).toBe(302);
  });

  it('queries are read as they are written', async () => {
    const served = await start();
    const { status, json } = await served.ask('/stepping/api/job?gid=a&gid=b');
    expect([status >= 400 && status < 500, typeof json]).toEqual([true, 'object']);
  });
});
