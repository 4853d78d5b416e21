import {
  Controller,
  Get,
  VersioningType,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import helmet from 'helmet';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { map, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { FRAMEWORKS, isPage, Served, startDashboard, type Answer } from './support.js';

/** Lets in whoever has the header; it stands for every way to sign in. */
class Key implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
    return headers['x-key'] === 'right';
  }
}

/** The ways to write the dashboard's paths that have got past guards elsewhere, or may open it. */
const TARGETS = [
  '/stepping',
  '/stepping/',
  '/stepping//',
  '//stepping',
  '///stepping',
  '/./stepping',
  '/x/../stepping',
  '/%73tepping',
  '/stepping%2f',
  '/%2fstepping',
  '/stepping%00',
  '/stepping%0a',
  '/STEPPING',
  '/Stepping/',
  '/stepping;x=1',
  '/stepping;x=1/api/session',
  '/stepping/;',
  '/stepping?x=1',
  '/stepping#x',
  '/stepping.json',
  '/stepping/index.html',
  'http://app.example/stepping',
  'http://app.example/stepping/api/session',
  'HTTP://APP.EXAMPLE/stepping',
  'http://app.example//stepping',
  'http://app.example:80/%73tepping/api/jobs',
  '/stepping/api/session',
  '/stepping/api/session/',
  '/stepping//api/session',
  '/stepping/api//session',
  '//stepping/api/session',
  '/stepping/%61pi/session',
  '/stepping/api%2fsession',
  '/stepping/api\\session',
  '/stepping\\api\\session',
  '/stepping/x/../api/session',
  '/stepping/api/SESSION',
  '/stepping/api/session;x=1',
  '/stepping/api/jobs?limit=1',
  '/stepping/api/jobs%3flimit=1',
];
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'];

/** Whether something of the dashboard was given away: the page, or data. */
function gaveAway({ status, text, headers }: Answer): boolean {
  if (status === 304 || headers['content-security-policy'] || headers['allow']) return true;
  return text.includes('<div id="app">') || /"(?:actions|jobs|refreshMs)"/.test(text);
}

class Wrap implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data, wrapped: true })));
  }
}

@Controller()
class Own {
  @Get('other/stepping')
  answer(): string {
    return 'own';
  }
}

describe.each(FRAMEWORKS)('on %s', (framework) => {
  it('no way to write a path or a method gets past the guard', async () => {
    const served = await startDashboard(framework, {
      options: { guards: [Key], access: 'write' },
      setUp: (app) => app.enableCors({ origin: true, credentials: true }),
    });
    for (const target of TARGETS) {
      for (const method of METHODS) {
        const headers = { host: 'app.example', 'if-none-match': '*' };
        const answer = await served.ask(target, { method, headers });
        expect([method, target, gaveAway(answer)]).toEqual([method, target, false]);
        // What browsers ask beforehand is answered for the whole application.
        if (method !== 'OPTIONS') expect(answer.status).toBeGreaterThanOrEqual(400);
      }
    }
  });

  it('whoever has the key opens the page with and without a slash at the end', async () => {
    const served = await startDashboard(framework, { options: { guards: [Key] } });
    const headers = { 'x-key': 'right' };
    for (const target of ['/stepping', '/stepping/', '/stepping?x', '/stepping/?x']) {
      expect([target, isPage(await served.ask(target, { headers }))]).toEqual([target, true]);
    }
    expect((await served.ask('/stepping/x', { headers })).status).toBe(404);
  });

  it.each<[name: string, base: string, setUp: (app: INestApplication) => unknown]>([
    ['a global prefix', '/v/api/stepping', (app) => app.setGlobalPrefix('/v/api')],
    [
      'a global prefix that leaves it out',
      '/stepping',
      (app) => app.setGlobalPrefix('api', { exclude: ['stepping', 'stepping/{*rest}'] }),
    ],
    [
      'versions in paths',
      '/stepping',
      (app) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    ],
    [
      'versions in headers',
      '/stepping',
      (app) =>
        app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version', defaultVersion: '1' }),
    ],
    ['an interceptor that wraps', '/stepping', (app) => app.useGlobalInterceptors(new Wrap())],
  ])('is there with %s', async (_name, base, setUp) => {
    const served = await startDashboard(framework, { controllers: [Own], setUp });
    expect(isPage(await served.ask(base))).toBe(true);
    expect(isPage(await served.ask(`${base}/`))).toBe(true);
    expect((await served.ask(`${base}/api/session`)).json).toMatchObject({ title: 'Stepping' });
    expect((await served.post(`${base}/api/resume`, { step: 'none' })).status).toBeLessThan(500);
  });

  it('leaves the other routes of the application as they are', async () => {
    const served = await startDashboard(framework, { controllers: [Own] });
    expect((await served.ask('/other/stepping')).text).toBe('own');
    const { status } = await served.ask('/other/stepping/');
    expect(status).toBe(framework === 'express' ? 200 : 404);
  });

  it('is there behind a proxy that strips a prefix', async () => {
    const served = await startDashboard(framework, { options: { access: 'write' } });
    const proxy = createServer((request, response) => {
      const path = request.url!.replace(/^\/ops/, '');
      const { method, headers } = request;
      const onward = forward({ port: served.port, host: '127.0.0.1', path, method, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const outside = new Served(served.app, (proxy.address() as AddressInfo).port, []);
    try {
      for (const base of ['/ops/stepping', '/ops/stepping/']) {
        expect(isPage(await outside.ask(base))).toBe(true);
        // As the page finds its API.
        const api = `${base.replace(/\/+$/, '')}/api`;
        expect((await outside.ask(`${api}/session`)).status).toBe(200);
        expect((await outside.post(`${api}/cancel`, { gid: 'none' })).json.code).toBe(
          'STEPPING_JOB_NOT_FOUND',
        );
      }
    } finally {
      proxy.close();
    }
  });

  it("wins over helmet's policy", async () => {
    const served = await startDashboard(framework, {
      options: { access: 'write' },
      setUp: async (app) => {
        if (framework === 'express')
          app.use(helmet({ contentSecurityPolicy: { directives: { scriptSrc: ["'none'"] } } }));
        else {
          const instance = app.getHttpAdapter().getInstance() as FastifyHooks;
          // As @fastify/helmet does it.
          instance.addHook('onRequest', (_request, reply, done) => {
            void reply.header('content-security-policy', "script-src 'none'");
            done();
          });
        }
      },
    });
    const { headers } = await served.ask('/stepping');
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src/,
    );
    expect(headers['x-frame-options']).toBe('DENY');
  });

  it('is there without a body parser, and reads up to 1 MB', async () => {
    const served = await startDashboard(framework, { application: { bodyParser: false } });
    const found = await served.post('/stepping/api/cancel', { gid: 'none' });
    expect([found.status, found.json.code]).toEqual([404, 'STEPPING_JOB_NOT_FOUND']);
    const large = await served.post('/stepping/api/cancel', { gid: 'none', more: 'x'.repeat(1024 * 1024) });
    expect(large.status).toBe(413);
    const { status } = await served.ask('/stepping/api/cancel', {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    });
    expect(status).toBe(400);
    expect((await served.ask('/stepping/api/session')).status).toBe(200);
  });
});

interface FastifyHeaders {
  header(name: string, value: string): unknown;
}

interface FastifyHooks {
  addHook(name: string, hook: (request: unknown, reply: FastifyHeaders, done: () => void) => void): void;
}

it('on Fastify, both are one path where it ignores slashes at the end', async () => {
  const adapter = new FastifyAdapter({ routerOptions: { ignoreTrailingSlash: true } });
  const served = await startDashboard('fastify', { adapter });
  expect(isPage(await served.ask('/stepping'))).toBe(true);
  expect(isPage(await served.ask('/stepping/'))).toBe(true);
});
