import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;

// Inside the repository, so that packages are found as by any file of it.
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'testing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function blocksOf(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!);
}

/** Every block that holds a test runs here, on the application of the README, as a reader would have them. */
const specs = ['README.md', 'docs/testing.md'].flatMap((document) =>
  blocksOf(document).filter((code) => code.includes("from 'vitest'")),
);
const [application] = blocksOf('README.md');
writeFileSync(join(folder, 'app.module.ts'), application!.replace(`'shop.db'`, `':memory:'`));
for (const [index, code] of specs.entries()) {
  const file = join(folder, `block-${index + 1}.ts`);
  writeFileSync(file, code);
  await import(/* @vite-ignore */ file);
}

it('the documentation holds tests', () => {
  expect(application).toContain(`'shop.db'`);
  expect(specs.length).toBeGreaterThan(1);
});
