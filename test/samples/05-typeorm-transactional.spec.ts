import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareFates, FATES } from '../../sample/05-typeorm-transactional/src/demo/fates.js';
import { describeBackends } from '../support/database.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'build/test/05-typeorm-transactional/main.js');
const run = promisify(execFile);
const limit = 90_000;

beforeAll(async () => {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run "npm run build" first');
  const build = ['-p', 'sample/05-typeorm-transactional/tsconfig.json'];
  const outDir = ['--outDir', 'build/test/05-typeorm-transactional'];
  await run(process.execPath, ['node_modules/typescript/bin/tsc', ...build, ...outDir], { cwd: root });
}, limit);

describeBackends(
  'sample/05-typeorm-transactional',
  () => {
    it('prints what became of each row and its job, and why', { timeout: limit }, async () => {
      // Any exit code but 0 rejects, with what was printed.
      const { stdout } = await run(process.execPath, [main, 'demo'], { timeout: limit - 20_000 });
      expect(stdout.match(/^commits .* kept +ran +/gm)).toHaveLength(3);
      expect(stdout).toMatch(/^rolls back +REQUIRED +gone +never ran +/m);
      expect(stdout).toMatch(/^rolls back +REQUIRES_NEW +kept +ran +/m);
      expect(stdout).toMatch(/^rolls back +NOT_SUPPORTED +kept +ran +/m);
      expect(stdout).toMatch(/\ndifferences: 0\n$/);
    });
  },
  ['postgres'],
);

describe('sample/05-typeorm-transactional, wherever it is run', () => {
  it('says what it needs where PostgreSQL is missing, and ends with exit code 2', async () => {
    const env = { ...process.env, DATABASE_URL: 'postgres://postgres@127.0.0.1:1/test' };
    await expect(run(process.execPath, [main, 'demo'], { env })).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^This sample needs PostgreSQL[^]*Set DATABASE_URL/),
    });
  });

  it('sees a fate that is not the one it should be', () => {
    const stay = FATES.filter(({ stays }) => stays).map(({ id }) => id);
    expect(compareFates({ rows: stay, messages: stay })).toEqual([]);
    expect(compareFates({ rows: stay, messages: stay.slice(1) })).toHaveLength(1);
    expect(compareFates({ rows: stay, messages: [...stay, stay[0]!] })).toHaveLength(1);
    expect(compareFates({ rows: [...stay, 'seat:welding'], messages: stay })).toHaveLength(1);
  });
});
