import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, expect, it } from 'vitest';
import { compilerOptions, root } from './entry-points.js';

const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));

// Inside the repository, so that packages are found as by any file of it.
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The TypeScript blocks of a document, each with the line it begins at. */
function blocksOf(document: string): { readonly line: number; readonly code: string }[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length + 1,
    code: match[1]!,
  }));
}

function compile(files: readonly string[]): string[] {
  const program = ts.createProgram({
    rootNames: [...files],
    options: {
      ...compilerOptions,
      paths: {
        'nestjs-stepping': [join(root, 'lib/index.ts')],
        'nestjs-stepping/dtm': [join(root, 'lib/tm/dtm/index.ts')],
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
  const files = documents.flatMap((document) =>
    blocksOf(document).map(({ line, code }) => {
      const file = join(folder, `${document.replaceAll('/', '_')}-line-${line}.ts`);
      writeFileSync(file, `export {};\n${code}`);
      return file;
    }),
  );
  // What the blocks about tests import: the application of the README.
  writeFileSync(join(folder, 'app.module.ts'), blocksOf('README.md')[0]!.code);
  expect(files.length).toBeGreaterThan(4);
  expect(compile(files)).toEqual([]);
});

it('a block that does not compile is seen', { timeout: 120_000 }, () => {
  const file = join(folder, 'wrong.ts');
  writeFileSync(file, `import { selfTm } from 'nestjs-stepping';\nselfTm({ concurrency: 'many' });\n`);
  expect(compile([file])).toHaveLength(1);
});
