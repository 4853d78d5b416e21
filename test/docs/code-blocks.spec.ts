import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, expect, it } from 'vitest';
import { compilerOptions, root } from './entry-points.js';
import { blocksOf, documents } from './pages.js';

// Inside the repository, so that packages are found as by any file of it.
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const application = blocksOf('README.md').filter(({ file }) => file !== undefined);

/** Writes the blocks of a page into a folder of its own, where they find each other, and returns their files. */
function write(document: string): string[] {
  const page = join(folder, document.replaceAll('/', '_'));
  mkdirSync(page);
  // What the blocks about tests import: the application of the README.
  for (const { file, code } of application) writeFileSync(join(page, file!), code);
  return blocksOf(document).map(({ line, code, file }) => {
    const path = join(page, file ?? `line-${line}.ts`);
    writeFileSync(path, `export {};\n${code}`);
    return path;
  });
}

function compile(files: readonly string[]): string[] {
  const program = ts.createProgram({
    rootNames: [...files],
    options: {
      ...compilerOptions,
      paths: {
        'nestjs-stepping': [join(root, 'lib/index.ts')],
        'nestjs-stepping/dashboard': [join(root, 'lib/dashboard/index.ts')],
        'nestjs-stepping/dtm': [join(root, 'lib/tm/dtm/index.ts')],
        'nestjs-stepping/events': [join(root, 'lib/events/index.ts')],
        'nestjs-stepping/opentelemetry': [join(root, 'lib/opentelemetry/index.ts')],
        'nestjs-stepping/terminus': [join(root, 'lib/terminus/index.ts')],
        'nestjs-stepping/testing': [join(root, 'lib/testing/index.ts')],
      },
    },
  });
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
    const position = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
    return `${diagnostic.file?.fileName ?? ''}:${(position?.line ?? 0) + 1} ${text}`;
  });
}

it('every TypeScript block of the documentation compiles', { timeout: 120_000 }, () => {
  const files = documents.flatMap(write);
  expect(files.length).toBeGreaterThan(4);
  expect(application.map(({ file }) => file)).toContain('app.module.ts');
  expect(new Set(files).size, 'two blocks of a page are one file').toBe(files.length);
  expect(compile(files)).toEqual([]);
});

it('a block that does not compile is seen', { timeout: 120_000 }, () => {
  const file = join(folder, 'wrong.ts');
  writeFileSync(file, `import { selfTm } from 'nestjs-stepping';\nselfTm({ concurrency: 'many' });\n`);
  expect(compile([file])).toHaveLength(1);
});
