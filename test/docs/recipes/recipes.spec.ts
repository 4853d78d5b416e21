import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../entry-points.js';

const named = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length));

it('every recipe is run by a test of its own', () => {
  const recipes = named('docs/recipes', '.md');
  expect(recipes.length).toBeGreaterThan(5);
  const tested = named('test/docs/recipes', '.spec.ts').filter((name) => name !== 'recipes');
  expect(tested.toSorted()).toEqual(recipes.toSorted());
});
