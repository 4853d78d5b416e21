import {
  Injectable,
  Module,
  SetMetadata,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { networkInterfaces } from 'node:os';
import {
  SteppingDashboardModule,
  type DashboardOptions,
  type DashboardRequest,
} from 'nestjs-stepping/dashboard';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { basic, FRAMEWORKS, isPage, startDashboard, type Sent, type Served } from './support.js';

const PATHS = [
  '/stepping',
  '/stepping/',
  '/stepping/api/session',
  '/stepping/api/jobs',
  '/stepping/api/audit',
];

afterEach(() => vi.unstubAllEnvs());

class Deny implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class Allow implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

const session = async (served: Served, sent?: Sent) => (await served.ask('/stepping/api/session', sent)).json;
const ALL = ['retry', 'cancel', 'skip', 'edit', 'pause'];

describe.each(FRAMEWORKS)('on %s', (framework) => {
  const start = (options?: DashboardOptions) => startDashboard(framework, { options });

  describe('with nothing configured', () => {
    it.each(['production', 'Production', ' production ', 'prod'])(
      'in production (%j) it is not there, and one line of the log says what to write',
      async (environment) => {
        vi.stubEnv('NODE_ENV', environment);
        const served = await start();
        for (const path of PATHS) {
          for (const method of ['GET', 'OPTIONS']) {
            const { status, json } = await served.ask(path, { method });
            expect([path, method, status, json.message]).toEqual([
              path,
              method,
              404,
              `Cannot ${method} ${path}`,
            ]);
          }
        }
        expect((await served.post('/stepping/api/retry', { gid: 'g' })).status).toBe(404);
        expect(served.lines.filter((line) => line.includes('dashboard'))).toEqual([
          expect.stringMatching(/forRoot\(\{ guards: .* 'basicAuth'/) as string,
        ]);
      },
    );

    it('in production neither decorators nor global guards count', async () => {
      vi.stubEnv('NODE_ENV', 'production');
      const served = await startDashboard(framework, {
        options: { decorators: [SetMetadata('public', true)] },
        providers: [{ provide: APP_GUARD, useClass: Allow }],
      });
      expect((await served.ask('/stepping')).status).toBe(404);
    });

    it('elsewhere it answers, and obeys, this machine', async () => {
      const served = await start();
      expect(isPage(await served.ask('/stepping'))).toBe(true);
      expect(await session(served)).toMatchObject({ actor: null, actions: ALL });
      for (const host of [`127.0.0.1:${served.port}`, `[::1]:${served.port}`, 'LOCALHOST', 'localhost:1']) {
        expect([host, (await served.ask('/stepping', { headers: { host } })).status]).toEqual([host, 200]);
      }
      const browser = {
        accept: 'text/html',
        'accept-language': 'en',
        'cache-control': 'no-cache',
        connection: 'keep-alive',
        cookie: 'a=b',
        dnt: '1',
        pragma: 'no-cache',
        priority: 'u=0, i',
        referer: `http://localhost:${served.port}/`,
        'sec-ch-ua-platform': '"Linux"',
        'sec-fetch-site': 'same-origin',
        'upgrade-insecure-requests': '1',
        'user-agent': 'Mozilla/5.0',
        'viewport-width': '1024',
        'x-requested-with': 'XMLHttpRequest',
      };
      expect((await served.ask('/stepping', { headers: browser })).status).toBe(200);
      expect(served.lines).toEqual([]);
    });

    it.each<[name: string, headers: NonNullable<Sent['headers']>]>([
      ['for another host', { host: 'evil.example' }],
      ['for a host that begins like this one', { host: 'localhost.evil.example' }],
      ['for another host and this port', { host: 'evil.example:80' }],
      ['for a host behind a user of this name', { host: 'localhost@evil.example' }],
      ['through a proxy', { 'x-forwarded-for': '127.0.0.1' }],
      ['through a proxy that tells the protocol', { 'x-forwarded-proto': 'https' }],
      ['through a proxy of RFC 7239', { forwarded: 'for=127.0.0.1' }],
      ['through nginx', { 'x-real-ip': '127.0.0.1' }],
      ['through nginx in front of another', { 'x-original-forwarded-for': '127.0.0.1' }],
      ['through a proxy that tells the first target', { 'x-original-url': '/' }],
      ['through a cluster', { 'x-cluster-client-ip': '127.0.0.1' }],
      ['through Azure', { 'x-azure-clientip': '127.0.0.1' }],
      ['through Fastly', { 'fastly-client-ip': '127.0.0.1' }],
      ['through Envoy', { 'x-envoy-external-address': '127.0.0.1' }],
      ['through App Engine', { 'x-appengine-user-ip': '127.0.0.1' }],
      ['through a load balancer of Amazon', { 'x-amzn-trace-id': 'Root=1' }],
      ['through Cloudflare', { 'cf-ray': '1' }],
      ['through a CDN', { 'cdn-loop': 'cloudflare' }],
      ['through a proxy that names itself', { via: '1.1 x' }],
      ['for two hosts', { host: ['localhost', 'evil.example'] }],
      ['for one host, twice', { host: ['localhost', 'localhost'] }],
      ['from a page of another host', { origin: 'http://evil.example' }],
    ])('a request %s is refused', async (_name, headers) => {
      const served = await start();
      for (const path of PATHS) {
        if (path.endsWith('/') && 'origin' in headers) continue;
        expect([path, (await served.ask(path, { headers })).status]).toEqual([path, 403]);
      }
      expect((await served.post('/stepping/api/retry', { gid: 'g' }, headers)).status).toBe(403);
    });

    it('a request through another interface is refused', async () => {
      const address = Object.values(networkInterfaces())
        .flatMap((all) => all ?? [])
        .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
      // A machine without a network has no other one.
      if (address === undefined) return;
      const served = await startDashboard(framework, { address: '0.0.0.0' });
      for (const path of PATHS) expect((await served.ask(path, { address })).status).toBe(403);
      expect((await served.ask('/stepping')).status).toBe(200);
    });
  });

  it('guards alone let people read', async () => {
    const served = await start({ guards: [Allow] });
    expect(isPage(await served.ask('/stepping', { headers: { host: 'ops.example.com' } }))).toBe(true);
    expect(await session(served)).toMatchObject({ actions: [] });
    for (const name of ['retry', 'cancel', 'skip', 'retry-all', 'cancel-all', 'pause', 'resume']) {
      const { status, json } = await served.post(`/stepping/api/${name}`, { gid: 'g' });
      expect([name, status, json.code]).toEqual([name, 403, 'FORBIDDEN']);
    }
  });

  it('what a guard answers passes through as it is', async () => {
    class Teapot implements CanActivate {
      canActivate(): boolean {
        throw new UnauthorizedException({ reason: 'sign in first' });
      }
    }
    const served = await start({ guards: [Teapot], access: 'write' });
    for (const path of PATHS) {
      const { status, json } = await served.ask(path);
      expect([path, status, json]).toEqual([path, 401, { reason: 'sign in first' }]);
    }
  });

  it('guards are asked before the password', async () => {
    const served = await start({ guards: [Deny], basicAuth: { user: 'ops', password: 'secret' } });
    const { status, headers } = await served.ask('/stepping', { headers: basic('ops', 'secret') });
    expect([status, headers['www-authenticate']]).toEqual([403, undefined]);
  });

  it('guards may inject what `imports` export', async () => {
    class Users {
      readonly known = ['ada'];
    }
    @Module({ providers: [Users], exports: [Users] })
    class UsersModule {}
    @Injectable()
    class Known implements CanActivate {
      constructor(private readonly users: Users) {}
      canActivate(context: ExecutionContext): boolean {
        const { headers } = context.switchToHttp().getRequest<DashboardRequest>();
        return this.users.known.includes(String(headers['x-user']));
      }
    }
    const served = await start({ guards: [Known], imports: [UsersModule] });
    expect((await served.ask('/stepping')).status).toBe(403);
    expect((await served.ask('/stepping', { headers: { 'x-user': 'ada' } })).status).toBe(200);
  });

  it('decorators speak to global guards', async () => {
    @Injectable()
    class Bearer implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        return (
          this.reflector.getAllAndOverride<boolean>('public', [context.getHandler(), context.getClass()]) ===
          true
        );
      }
    }
    const basicAuth = { user: 'ops', password: 'secret' };
    const providers = [{ provide: APP_GUARD, useClass: Bearer }];
    const closed = await startDashboard(framework, { options: { basicAuth }, providers });
    expect((await closed.ask('/stepping', { headers: basic('ops', 'secret') })).status).toBe(403);
    const options = { basicAuth, decorators: [SetMetadata('public', true)] };
    const served = await startDashboard(framework, { options, providers });
    expect((await served.ask('/stepping', { headers: basic('ops', 'secret') })).status).toBe(200);
    expect((await served.ask('/stepping')).status).toBe(401);
  });

  it('a password lets people do everything, under its name', async () => {
    const served = await start({ basicAuth: { user: 'ops', password: 'pässword: 1' } });
    const { status, headers } = await served.ask('/stepping');
    expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="Stepping", charset="UTF-8"']);
    expect(await session(served, { headers: basic('ops', 'pässword: 1') })).toMatchObject({
      actor: 'ops',
      actions: ALL,
    });
    for (const wrong of [
      basic('ops', 'password'),
      basic('ops', ''),
      basic('', ''),
      basic('op', 's:pässword: 1'),
      { authorization: 'Basic' },
      { authorization: 'Bearer x' },
      { authorization: `Basic ${'A'.repeat(8000)}` },
    ]) {
      expect((await served.ask('/stepping/api/session', { headers: wrong })).status).toBe(401);
    }
  });

  it('`access` decides by request, and with a password beside it', async () => {
    const served = await start({
      basicAuth: { user: 'ops', password: 'secret' },
      access: async ({ headers }) => (headers['x-role'] === 'sre' ? { actions: ['pause'] } : 'read'),
      actor: (request) => request.headers['x-user'] as string | undefined,
    });
    expect((await served.ask('/stepping/api/session', { headers: { 'x-role': 'sre' } })).status).toBe(401);
    const headers = { ...basic('ops', 'secret'), 'x-role': 'sre', 'x-user': 'ada' };
    expect(await session(served, { headers })).toMatchObject({ actor: 'ada', actions: ['pause'] });
    expect(await session(served, { headers: basic('ops', 'secret') })).toMatchObject({
      actor: null,
      actions: [],
    });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('away');
      },
    ],
    ['rejects', () => Promise.reject(new Error('away'))],
    ['returns nothing', () => undefined],
    ['returns true', () => true],
    ['returns another word', () => 'admin'],
    ['returns no list', () => ({ actions: 'retry' })],
  ])('when `access` %s, nobody gets in, and the log says so in few lines', async (_name, access) => {
    const served = await start({ access: access as () => false });
    for (const path of [...PATHS, ...PATHS, ...PATHS]) {
      const { status, text } = await served.ask(path);
      expect([status, text.includes('away')]).toEqual([403, false]);
    }
    expect(served.lines).toHaveLength(5);
    for (const line of served.lines) expect(line).toContain("'access'");
  });

  it('when `actor` fails, nobody gets in', async () => {
    const served = await start({
      access: 'write',
      actor: () => {
        throw new Error('away');
      },
    });
    expect((await served.ask('/stepping')).status).toBe(403);
  });

  it('answers under the hosts that are allowed', async () => {
    const served = await start({
      access: 'read',
      allowedHosts: ['Ops.example.com', 'other.example.com:8443'],
    });
    const status = async (host: string) => (await served.ask('/stepping', { headers: { host } })).status;
    expect(await status('ops.example.com')).toBe(200);
    expect(await status('OPS.example.com:444')).toBe(200);
    expect(await status('other.example.com:8443')).toBe(200);
    expect(await status('other.example.com')).toBe(403);
    expect(await status('localhost')).toBe(403);
    const target = 'http://evil.example/stepping';
    expect((await served.ask(target, { headers: { host: 'ops.example.com' } })).status).toBe(403);
  });

  it.each(['access', 'actor'])('when `%s` does not answer, nobody gets in', async (option) => {
    let asked!: () => void;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const never = () => {
      asked();
      return new Promise<never>(() => undefined);
    };
    const served = await startDashboard(framework, {
      options: { access: 'write', [option]: never },
      application: { forceCloseConnections: true },
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const answer = served.ask('/stepping/api/session');
      await isAsked;
      await vi.advanceTimersByTimeAsync(10_000);
      expect((await answer).status).toBe(403);
      expect(served.lines).toEqual([expect.stringContaining('not answered within 10000 ms') as string]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes its settings from a factory', async () => {
    const dashboard = [
      SteppingDashboardModule.forRootAsync({
        path: 'admin/jobs',
        guards: [Allow],
        inject: ['TITLE'],
        imports: [
          { module: class {}, providers: [{ provide: 'TITLE', useValue: 'Ours' }], exports: ['TITLE'] },
        ],
        useFactory: async (title: string) => ({ title, refresh: '10s', environment: { label: 'test' } }),
      }),
    ];
    const served = await startDashboard(framework, { dashboard });
    expect(isPage(await served.ask('/admin/jobs'))).toBe(true);
    expect((await served.ask('/admin/jobs/api/session')).json).toMatchObject({
      title: 'Ours',
      refreshMs: 10_000,
      environment: { label: 'test', color: null },
      actions: [],
    });
  });
});
