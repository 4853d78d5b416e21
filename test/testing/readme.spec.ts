import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from '../docs/entry-points.js';
import { blocksOf } from '../docs/pages.js';

// Inside the repository, so that packages are found as by any file of it.
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'testing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The application of the README, whose blocks begin with their names. Under test, it leaves the database of the developer alone. */
const application = blocksOf('README.md').filter(
  ({ file }) => file !== undefined && !file.endsWith('.spec.ts'),
);
for (const { file, code } of application) writeFileSync(join(folder, file!), code);

/** Every block that holds a test runs here, on that application, as a reader would have them. */
const specs = ['README.md', 'docs/testing.md'].flatMap((document) =>
  blocksOf(document)
    .map(({ code }) => code)
    .filter((code) => code.includes("from 'vitest'")),
);
for (const [index, code] of specs.entries()) {
  const file = join(folder, `block-${index + 1}.ts`);
  writeFileSync(file, code);
  await import(/* @vite-ignore */ file);
}

it('the documentation holds tests', () => {
  expect(specs.length).toBeGreaterThan(1);
});

it('a test of the README does not touch the database that the application of the README has otherwise', () => {
  const texts = application.map(({ code }) => code).join('\n');
  const database = /database: .*'(\S+\.db)'/.exec(texts)?.[1];
  expect(database).toBe('shop.db');
  expect(existsSync(join(process.cwd(), database!))).toBe(false);
});
