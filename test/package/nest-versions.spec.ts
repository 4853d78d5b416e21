import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokerSkipReason, brokerUrl, eventBrokers, EventNames } from '../support/brokers.js';
import { createProject, pack, run, runScript } from './project.js';

const postgres = process.env.DATABASE_URL;
/** The compiled addon of this repository: compiling it again in every project would take minutes. */
const sqliteDriver = dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json'));

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stepping-pack-'));
  tarball = await pack(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  { version: 10, jest: true, main: 'dist/main.js' },
  { version: 11, jest: true, main: 'dist/main.js' },
  { version: 12, jest: false, main: 'dist/src/main.js' },
])('a new application of NestJS $version', ({ version, jest, main }) => {
  let project: Awaited<ReturnType<typeof createProject>>;

  beforeAll(async () => {
    project = await createProject(`nest-${version}`, tarball, {
      'src/main.ts': 'orders/main.ts',
      'src/health.ts': 'health/health.ts',
      'src/dashboard.ts': 'dashboard/dashboard.ts',
      'src/events.ts': 'events/events.ts',
      ...(jest
        ? { 'src/greet.spec.ts': 'orders/greet.spec.ts', 'src/mistakes.spec.ts': 'mistakes/mistakes.spec.ts' }
        : {}),
    });
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
      cwd: project.folder,
    });
  });
  afterAll(() => project?.remove());

  const committedRunsRolledBackDoesNot = {
    refusal: 'the order is refused',
    executed: ['book:1'],
    status: 'succeeded',
    refusedJob: null,
    items: ['book', 'gift for book'],
  };

  it('runs the job of a committed order and not that of a rolled back one, on SQLite', async () => {
    const env = {
      STEPPING_DATABASE: JSON.stringify({
        type: 'better-sqlite3',
        database: join(project.folder, 'orders.db'),
      }),
      STEPPING_SQLITE_DRIVER: sqliteDriver,
    };
    expect(await runScript(project.folder, main, env)).toEqual(committedRunsRolledBackDoesNot);
  });

  it.skipIf(!postgres)('does the same on PostgreSQL (needs DATABASE_URL)', async () => {
    const schema = `stepping_package_${randomBytes(6).toString('hex')}`;
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    try {
      await client.query(`CREATE SCHEMA ${schema}`);
      const env = { STEPPING_DATABASE: JSON.stringify({ type: 'postgres', url: postgres, schema }) };
      expect(await runScript(project.folder, main, env)).toEqual(committedRunsRolledBackDoesNot);
    } finally {
      await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await client.end();
    }
  });

  it('answers health checks of its terminus: 503 when down, 200 and visible when degraded', async () => {
    const degraded = version === 12 ? 'degraded' : 'up';
    const message = 'Something is wrong.';
    expect(await runScript(project.folder, main.replace('main.js', 'health.js'))).toEqual({
      up: { http: 200, status: 'up', isShown: true, message: null },
      degraded: { http: 200, status: degraded, isShown: true, message },
      down: { http: 503, status: 'down', isShown: true, message },
    });
  });

  for (const broker of eventBrokers) {
    const reason = brokerSkipReason(broker.kind);
    const note = reason === undefined ? '' : ` (skipped: ${reason})`;
    it.skipIf(reason)(`publishes events to ${broker.kind}, and receives them${note}`, async () => {
      const names = new EventNames();
      try {
        const received = await runScript(project.folder, main.replace('main.js', 'events.js'), {
          STEPPING_BROKER: broker.kind,
          STEPPING_CLIENT: JSON.stringify(broker.client(brokerUrl(broker.kind), names)),
          STEPPING_SERVER: JSON.stringify(broker.server(names)),
          STEPPING_PATTERN: names.pattern(broker.kind),
        });
        expect(received).toEqual({
          isSameId: true,
          payload: { orderId: 'ü' },
          status: 'succeeded',
          count: 1,
        });
      } finally {
        await names.remove(broker.kind);
      }
    });
  }

  describe.each(['express', 'fastify'])('its dashboard on %s', (platform) => {
    const answers = (env: NodeJS.ProcessEnv = {}): Promise<unknown> =>
      runScript(project.folder, main.replace('main.js', 'dashboard.js'), {
        STEPPING_PLATFORM: platform,
        ...env,
      });

    it('opens, takes actions of its own page alone, and leads nobody past a guard', async () => {
      expect(await answers()).toEqual({
        open: {
          page: true,
          withSlash: true,
          csp: true,
          gzip: true,
          unchanged: [304, 0],
          session: [200, true],
          ownOrigin: [200, { changed: true }],
          crossSite: 403,
          noOrigin: 403,
          forwarded: 403,
          foreignHost: 403,
        },
        guarded: { pastTheGuard: [], staff: [true, 200] },
      });
    });

    it('is not there in production while nobody has said who gets in', async () => {
      expect(await answers({ NODE_ENV: 'production' })).toEqual({ statuses: [404] });
    });
  });

  if (jest) {
    it('can be tested with its Jest, where mistakes are told as they are', async () => {
      const { stderr } = await run(process.execPath, ['node_modules/jest/bin/jest.js', '--ci'], {
        cwd: project.folder,
        env: { STEPPING_SQLITE_DRIVER: sqliteDriver },
      });
      expect(stderr).toMatch(/Tests:\s+9 passed, 9 total/);
    });
  }
});
