import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repository, run } from './project.js';

const check = join(repository, 'scripts/check-release.mjs');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stepping-release-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function checkManifest(manifest: object): Promise<void> {
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await run(process.execPath, [check], { cwd: folder });
}

it('a release without the repository that it comes from is refused', async () => {
  await expect(checkManifest({ name: 'a' })).rejects.toThrow('package.json has no "repository"');
  await expect(checkManifest({ repository: { type: 'git' } })).rejects.toThrow('has no "repository"');
});

it.each([{ repository: 'github:somebody/something' }, { repository: { url: 'https://example.com/a.git' } }])(
  'a release with %o is not',
  async (manifest) => {
    await checkManifest(manifest);
  },
);
