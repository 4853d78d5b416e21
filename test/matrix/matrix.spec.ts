import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installations, nestVersions, nodeVersions, variants } from './cells.js';
import { dependenciesOf } from './installation.js';
import { ReadmeBlocks } from './readme-blocks.js';
import { columns, markdown, tableOf, withTable } from './table.js';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
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
  expect([...blocks.application.keys()]).toEqual([
    'src/orders.ts',
    'src/orders.controller.ts',
    'src/app.module.ts',
  ]);
  expect(blocks.callInMain).toBe('app.enableShutdownHooks();');
  expect(blocks.postgres).toEqual({
    command: 'npm install pg',
    options: expect.stringContaining("type: 'postgres'") as string,
  });
  expect(blocks.spec).toContain('SteppingTesting');
});

it('every shell line of the README is run by a test', () => {
  const blocks = new ReadmeBlocks(readme);
  const followed = [...nestVersions.flatMap((nest) => blocks.commands(nest)), ...blocks.trials.flat()];
  // `.ci/run` begins with `npm ci`, and runs the tests and the demonstration: see `test:all`.
  const byItself = ['npm ci && npm start', 'npm ci && npm test'];
  expect(new Set(blocks.shellLines)).toEqual(new Set([...followed, ...byItself]));
  expect(scripts['test:all']).toMatch(/vitest run.*npm start$/);

  // Those of the samples are run by the specs of the samples.
  expect(blocks.tableCommands.length).toBeGreaterThan(3);
  for (const command of blocks.tableCommands) {
    const script = scripts[command.replace('npm run ', '')];
    const [, sample] = /node build\/sample\/(\S+)\/main\.js demo$/.exec(script ?? '') ?? [];
    const spec = readFileSync(join(root, `test/samples/${sample}.spec.ts`), 'utf8');
    expect(spec, command).toMatch(/'demo'/);
  }
});

it('what the README installs on older versions of NestJS is what the matrix installs there', () => {
  const blocks = new ReadmeBlocks(readme);
  for (const nest of nestVersions) {
    const range = dependenciesOf({ nest, typeorm: '1' })['@nestjs/schedule']!;
    const schedule =
      nest === 12 ? '@nestjs/schedule' : `@nestjs/schedule@${range.replace(/^\^(\d+).*$/, '$1')}`;
    expect(blocks.commands(nest).at(-1)).toBe(`npm install nestjs-stepping ${schedule} class-transformer`);
  }
});
