import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './entry-points.js';

/** What a reader who follows the advice could not install. */
const NOT_ON_NPM = /@nestjs\/(?:workflows|outbox)/;

const adviceOf = (document: string, title: string): string[] => {
  const [, section = ''] = readFileSync(join(root, document), 'utf8').split(`## ${title}\n`);
  return section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => /^[|-] /.test(line));
};

it.each([
  { document: 'docs/comparison.md', title: 'When to pick what' },
  { document: 'README.md', title: 'When to pick something else' },
])('$document says which of the packages that it recommends are not on npm', ({ document, title }) => {
  const advice = adviceOf(document, title);
  expect(advice.length).toBeGreaterThan(2);
  expect(advice.filter((line) => NOT_ON_NPM.test(line) && !line.includes('once it is on npm'))).toEqual([]);
});
