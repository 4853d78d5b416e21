import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeBackends, type Backend } from '../support/database.js';
import { Databases } from '../support/placements.js';
import { waitFor } from '../support/wait-for.js';
import { Console } from './console.js';

const SECRET = 'hunter2-7f3a';
const MASK = '••••••';

/** The paths that Express knows, so that one that is added is walked as well. */
function routes(console: Console, method: 'get' | 'post'): string[] {
  const { router } = console.app.getHttpAdapter().getInstance() as {
    router: { stack: { route?: { path: string; methods: Record<string, boolean> } }[] };
  };
  return router.stack.flatMap(({ route }) => {
    const name = /^\/stepping\/api\/([\w-]+)$/.exec(route?.path ?? '')?.[1];
    return name !== undefined && route!.methods[method] ? [name] : [];
  });
}

/** Secrets wherever somebody might leave them. */
const ARGS = {
  orderId: 'o-1',
  card: { number: SECRET, month: 7 },
  lines: [{ token: SECRET, sku: 's-1' }],
  note: `sent with password=${SECRET}, thanks`,
  json: JSON.stringify({ a: 1, authorization: `Bearer ${SECRET}` }),
  escaped: `before ${JSON.stringify(JSON.stringify({ secret: SECRET, n: 2 }))} after`,
  url: `https://u:${SECRET}@example.com/?access_token=${SECRET}&page=2`,
};
const ERROR = [
  `401 for POST https://example.com/?token=${SECRET}&a=b: {"password":"${SECRET}","code":4}`,
  `Authorization: Bearer ${SECRET}`,
  `<password>${SECRET}</password> { cardNumber: '${SECRET}', retry: 3 }`,
].join('\n');

describeBackends('what is masked', (backend: Backend) => {
  let databases: Databases;
  let page: Console;
  let gid: string;
  beforeAll(async () => {
    databases = await Databases.create(backend, 'one');
    page = await Console.start(databases);
    gid = await page.failed('charge', ARGS, ERROR);
    // The audit keeps the arguments that were replaced.
    await page.jobs.retry(gid, { args: { ...ARGS, orderId: 'o-2' }, by: 'ada', reason: `token: ${SECRET}` });
    await waitFor(async () => page.recording.of(gid).length === 2);
    await page.reached(gid, 'failed');
    await page.operations.pause('send-email', { reason: `secret=${SECRET}`, by: 'ada' });
  });
  afterAll(async () => {
    await page?.close();
    await databases?.drop();
  });

  it('is in no answer of any route', async () => {
    const queries: Record<string, string>[] = [
      {},
      { gid, args: 'true' },
      { args: 'true' },
      { gid },
      { gid: `no:${SECRET}`.replace(SECRET, 'x') },
      { range: '24h' },
      { status: 'failed' },
      { error: 'POST' },
      { args: 'orderId' },
    ];
    const reads = routes(page, 'get');
    expect(reads.length).toBeGreaterThanOrEqual(9);
    let served = 0;
    for (const path of reads) {
      for (const query of queries) {
        const { status, text } = await page.ask(path, query);
        expect(text, `${path} ${JSON.stringify(query)}`).not.toContain(SECRET);
        if (status === 200) served += 1;
      }
    }
    expect(served).toBeGreaterThan(reads.length);
  });

  it('is in no answer to an action that is refused', async () => {
    const bodies = [
      {},
      { gid, password: SECRET },
      { gid: `token:${SECRET} ` },
      { gid, args: { password: `${SECRET} ${MASK}` } },
      { gid, step: 7, reason: `token=${SECRET}` },
      { step: `token=${SECRET}\u0000`, reason: 'x' },
      { step: `token=${SECRET}\n`, reason: 'x', until: 'soon' },
      { filter: { status: 'prepared', name: `token=${SECRET}` }, reason: 'x', dryRun: true },
    ];
    const acts = routes(page, 'post');
    expect(acts.length).toBeGreaterThanOrEqual(7);
    for (const path of acts) {
      for (const body of bodies) {
        const { text } = await page.post(path, body);
        expect(text, `${path} ${JSON.stringify(body)}`).not.toContain(SECRET);
      }
    }
  });

  it('leaves the rest of what it stands in', async () => {
    const { json } = await page.ask('job', { gid, args: 'true' });
    expect(json.masked).toBe(true);
    expect(json.job.steps[0].args).toEqual({
      orderId: 'o-2',
      card: MASK,
      lines: [{ token: MASK, sku: 's-1' }],
      note: `sent with password=${MASK}, thanks`,
      json: JSON.stringify({ a: 1, authorization: MASK }),
      escaped: ARGS.escaped.replaceAll(SECRET, MASK),
      url: `https://u:${MASK}@example.com/?access_token=${MASK}&page=2`,
    });
    expect(json.job.error).toContain(`?token=${MASK}&a=b: {"password":"${MASK}","code":4}`);
    expect(json.job.error).toContain(`Authorization: ${MASK}\n`);
    expect(json.job.error).toContain(`<password>${MASK}</password> { cardNumber: '${MASK}', retry: 3 }`);
    expect(json.audit).toContainEqual(
      expect.objectContaining({ action: 'edit', reason: `token: ${MASK}`, by: 'ada' }),
    );
    const edit = json.audit.find(({ action }: { action: string }) => action === 'edit');
    expect(edit.detail.args).toMatchObject({ orderId: 'o-1', card: MASK });
  });

  it('is not told by what a store answers that cannot be asked', async () => {
    const missing = [
      { dataSource: 'shard-b', error: `postgres://ada:${SECRET}@shard-b/shop cannot be reached` },
    ];
    const overview = page.operations.overview.bind(page.operations);
    const spies = [
      vi.spyOn(page.jobs, 'list').mockResolvedValue({ jobs: [], missing }),
      vi.spyOn(page.jobs, 'audit').mockResolvedValue({ entries: [], missing }),
      vi.spyOn(page.jobs, 'cancelAll').mockResolvedValue({ matched: 0, changed: 0, more: false, missing }),
      vi.spyOn(page.operations, 'overview').mockImplementation(async () => ({
        ...(await overview()),
        missing,
      })),
    ];
    const bulk = { reason: 'obsolete', dryRun: true };
    const shown = [{ dataSource: 'shard-b', error: `postgres://ada:${MASK}@shard-b/shop cannot be reached` }];
    try {
      for (const answer of [
        await page.ask('jobs'),
        await page.ask('jobs', { error: 'x' }),
        await page.ask('audit'),
        await page.post('cancel-all', { ...bulk, filter: {} }),
        await page.post('cancel-all', { ...bulk, filter: { error: 'x' } }),
      ])
        expect(answer.json.missing).toEqual(shown);
      const seen = await waitFor(async () => (await page.ask('overview')).json.overview.missing);
      expect(seen).toEqual(shown);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });

  it('cannot be found letter by letter', async () => {
    const known = await page.ask('jobs', { args: '"orderId":"o-2"' }, 'read');
    expect(known.json.jobs.map((job: { gid: string }) => job.gid)).toEqual([gid]);
    const nothing = await page.ask('jobs', { args: '"token":"?' }, 'read');
    for (const part of [
      `"token":"${SECRET[0]}`,
      `"token":"${SECRET}`,
      `oken":"${SECRET.slice(0, 3)}`,
      SECRET.slice(0, 2),
    ]) {
      expect((await page.ask('jobs', { args: part }, 'read')).json).toEqual(nothing.json);
      const filters: readonly Record<string, string>[] = [{ args: part }, { error: part }];
      for (const filter of filters) {
        expect((await page.ask('count', filter, 'read')).json).toEqual({ count: 0, more: false });
        const body = { filter, reason: 'look', dryRun: true };
        expect((await page.post('retry-all', body)).json).toMatchObject({ matched: 0, more: false });
        expect((await page.post('cancel-all', body)).json).toMatchObject({ matched: 0, more: false });
      }
    }
    expect((await page.ask('jobs', { error: `password":"${SECRET[0]}` }, 'read')).json.jobs).toEqual([]);
    expect((await page.ask('count', { error: '401 for POST' }, 'read')).json).toEqual({
      count: 1,
      more: false,
    });
  });
});

describeBackends(
  'where the application decides what is shown',
  (backend: Backend) => {
    const started: { close(): Promise<unknown> }[] = [];
    afterAll(async () => {
      for (const { close } of started.toReversed()) await close();
    });
    const start = async (dashboard: Parameters<typeof Console.start>[1]) => {
      const databases = await Databases.create(backend, 'one');
      started.push({ close: () => databases.drop() });
      const page = await Console.start(databases, dashboard);
      started.push({ close: () => page.close() });
      return page;
    };

    it('arguments are never shown, searched or edited with `never`', async () => {
      const page = await start({ dashboard: { showArguments: 'never' } });
      const gid = await page.failed('charge', { orderId: 'o-unseen' });
      await page.jobs.retry(gid, { args: { orderId: 'o-unseen-2' } });
      await waitFor(async () => page.recording.of(gid).length === 2);
      await page.reached(gid, 'failed');
      for (const [path, query] of [
        ['job', { gid, args: 'true' }],
        ['audit', { gid, args: 'true' }],
        ['jobs', {}],
      ] as const) {
        const { status, text } = await page.ask(path, query);
        expect(status).toBe(200);
        expect(text).not.toContain('unseen');
      }
      expect((await page.ask('jobs', { args: 'o-' })).status).toBe(403);
      expect((await page.ask('count', { args: 'o-' })).status).toBe(403);
      const bulk = { filter: { args: 'o-' }, reason: 'look', dryRun: true };
      expect((await page.post('retry-all', bulk)).status).toBe(403);
      expect((await page.post('retry', { gid, args: { orderId: 'o-3' } })).status).toBe(403);
      expect((await page.ask('session')).json.unavailable.edit).toContain('showArguments');
    });

    it('they are shown at once with `always`, and only when asked for with `click`', async () => {
      for (const [showArguments, args, isShown] of [
        ['always', undefined, true],
        ['click', undefined, false],
        ['click', 'true', true],
      ] as const) {
        const page = await start({ dashboard: { showArguments } });
        const gid = await page.failed('charge', { orderId: 'o-seen' });
        const { text } = await page.ask('job', { gid, ...(args && { args }) });
        expect(text.includes('o-seen')).toBe(isShown);
      }
    });

    it('its own list takes the place of the default', async () => {
      const page = await start({ dashboard: { mask: [/^pin$/g] } });
      const gid = await page.failed('charge', { pin: 1234, pinned: 'yes', password: 'shown' }, 'pin=1234');
      const { json } = await page.ask('job', { gid, args: 'true' });
      expect(json.job.steps[0].args).toEqual({ pin: MASK, pinned: 'yes', password: 'shown' });
      expect(json.job.error).toContain(`pin=${MASK}`);
    });
  },
  ['sqlite'],
);
