import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installations, nodeVersions, variants } from './cells.js';
import { ReadmeBlocks } from './readme-blocks.js';
import { columns, markdown, tableOf, withTable } from './table.js';

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const textsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((text) => text.trim());

it('the README has the columns of the matrix, a row for each installation, and no application that fails', () => {
  const [header, , ...rows] = tableOf(readme).split('\n').map(textsOf);
  expect(header).toEqual(columns);
  expect(rows.map(([nest, , , typeorm]) => `${nest} ${typeorm}`)).toEqual(
    installations.map(({ nest, typeorm }) =>
      expect.stringMatching(new RegExp(`^${nest}\\.\\S+ ${typeorm.replace('.', '\\.')}\\.\\S+$`)),
    ),
  );
  const cells = rows.flatMap((row) => row.slice(4));
  expect(new Set(cells)).toEqual(new Set([`${variants.length} of ${variants.length} pass`]));
  expect(readme).toContain(`runs ${variants.length} applications on each Node`);
});

it('a table that is written to the README is the one that is read from it, and names what failed', () => {
  const [wanted] = installations;
  const cells = nodeVersions.map((node, index) => ({
    node,
    failures: index === 0 ? [{ variant: variants[0]!, reason: 'a | b\nmore' }] : [],
  }));
  const table = markdown([{ wanted: wanted!, cells }]);
  expect(table).toContain('| 15 of 16 pass; ES module, Express, SQLite: a / b |');
  expect(tableOf(withTable('# A\n<!-- matrix --><!-- /matrix -->\nend', table))).toBe(table);
  expect(() => withTable('# A', table)).toThrow('README.md needs "<!-- matrix -->"');
});

it('what a reader copies is found in the README', () => {
  const blocks = new ReadmeBlocks(readme);
  expect(blocks.commands(12)).toContain('npm install nestjs-stepping @nestjs/schedule class-transformer');
  expect(blocks.commands(12).join()).not.toContain('@nestjs/schedule@6');
  expect(blocks.commands(10)).toContain('npm install nestjs-stepping @nestjs/schedule@6 class-transformer');
  expect(blocks.application).toContain('export class AppModule');
  expect(blocks.callInMain).toBe('app.enableShutdownHooks();');
  expect(blocks.postgres).toEqual({
    command: 'npm install pg',
    options: expect.stringContaining("type: 'postgres'") as string,
  });
  expect(blocks.spec).toContain('SteppingTesting');
});
