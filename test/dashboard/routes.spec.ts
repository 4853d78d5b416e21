import { UnauthorizedException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { DashboardRequest } from 'nestjs-stepping/dashboard';
import { describe, expect, it } from 'vitest';
import {
  FRAMEWORKS,
  newAdapter,
  startDashboard,
  type Answer,
  type Framework,
  type Served,
} from './support.js';

// The routes are those that the router of the framework knows, so that a new one without an answer here is seen.

const READ = ['session', 'overview', 'timeline', 'steps', 'processes', 'jobs', 'count', 'job', 'audit'];
const ACTIONS: Readonly<Record<string, string>> = {
  retry: 'retry',
  'retry-all': 'retry',
  cancel: 'cancel',
  'cancel-all': 'cancel',
  skip: 'skip',
  pause: 'pause',
  resume: 'pause',
};
const SINGLE = ['retry', 'cancel', 'skip', 'edit', 'pause'];
const ROLES = ['nobody', 'read', 'write', 'nothing', ...SINGLE];

class SignedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (roleOf(context.switchToHttp().getRequest<DashboardRequest>()) !== 'nobody') return true;
    throw new UnauthorizedException();
  }
}

function roleOf({ headers }: DashboardRequest): string {
  return String(headers['x-role']);
}

function access(request: DashboardRequest) {
  const role = roleOf(request);
  if (role === 'read' || role === 'write') return role;
  return role === 'nothing' ? false : { actions: [role] as ('retry' | 'cancel')[] };
}

interface Route {
  readonly method: string;
  readonly path: string;
}

/** What is there, and a way to ask it. */
async function started(framework: Framework): Promise<{ served: Served; routes: Route[] }> {
  const adapter = newAdapter(framework);
  const routes: Route[] = [];
  if (framework === 'fastify') {
    adapter
      .getInstance<{ addHook(name: string, hook: (route: { method: string; url: string }) => void): void }>()
      .addHook('onRoute', ({ method, url }) => routes.push({ method, path: url }));
  }
  const options = { guards: [SignedIn], access };
  const served = await startDashboard(framework, { adapter, options });
  if (framework === 'express') {
    const { router } = adapter.getInstance<{ router: { stack: readonly ExpressLayer[] } }>();
    for (const { route } of router.stack) {
      if (route)
        routes.push(
          ...Object.keys(route.methods).map((method) => ({ method: method.toUpperCase(), path: route.path })),
        );
    }
  }
  return { served, routes };
}

interface ExpressLayer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

function outcomeOf({ status, text, headers }: Answer): string {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404 && text.includes('Cannot OPTIONS')) return 'not there';
  return headers['content-type']?.startsWith('text/html') ? 'page' : 'let in';
}

function expected({ method, path }: Route, role: string): string {
  const [, name] = /^\/stepping\/api\/([a-z-]+)$/.exec(path) ?? [];
  if (role === 'nobody') return 'unauthorized';
  if (method === 'OPTIONS') return 'not there';
  if (role === 'nothing') return 'forbidden';
  if (method !== 'POST') return name === undefined ? 'page' : 'let in';
  return role === 'write' || role === ACTIONS[name!] ? 'let in' : 'forbidden';
}

describe.each(FRAMEWORKS)('on %s', (framework) => {
  it('every route lets in who may, and nobody else', async () => {
    const { served, routes } = await started(framework);
    const found: Record<string, string> = {};
    const table: Record<string, string> = {};
    for (const route of routes) {
      for (const role of ROLES) {
        const key = `${route.method} ${route.path} as ${role}`;
        const headers = { 'x-role': role, 'sec-fetch-site': 'same-origin' };
        const json = { headers: { ...headers, 'content-type': 'application/json' }, body: '{}' };
        const isPost = route.method === 'POST';
        const answer = await served.ask(route.path, { method: route.method, headers, ...(isPost && json) });
        found[key] = outcomeOf(answer);
        table[key] = expected(route, role);
      }
    }
    expect(found).toEqual(table);
    expect(new Set(routes.filter(({ method }) => method === 'GET').map(({ path }) => path))).toEqual(
      new Set(['/stepping', ...(framework === 'fastify' ? ['/stepping/'] : []), ...READ.map(api)]),
    );
    expect(
      routes
        .filter(({ method }) => method === 'POST')
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual(Object.keys(ACTIONS).map(api).toSorted());
    expect(new Set(routes.map(({ method }) => method))).toEqual(
      new Set(['GET', 'POST', 'OPTIONS', ...(framework === 'fastify' ? ['HEAD'] : [])]),
    );
  });

  it('to retry with other arguments takes both actions', async () => {
    const options = {
      access: ({ headers }: DashboardRequest) => ({
        actions: String(headers['x-role']).split(',') as 'edit'[],
      }),
    };
    const served = await startDashboard(framework, { options });
    const outcome = async (role: string, body: object): Promise<number> =>
      (await served.post('/stepping/api/retry', { gid: 'none', ...body }, { 'x-role': role })).status;
    expect(await outcome('retry', {})).toBe(404);
    expect(await outcome('retry', { args: {} })).toBe(403);
    expect(await outcome('retry', { args: null })).toBe(403);
    expect(await outcome('edit', { args: {} })).toBe(403);
    expect(await outcome('retry,edit', { args: {} })).toBe(404);
  });
});

function api(name: string): string {
  return `/stepping/api/${name}`;
}
