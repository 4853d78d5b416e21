import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { root } from './entry-points.js';

const documents = ts.sys
  .readDirectory(
    root,
    ['.md', '.txt'],
    ['**/node_modules', 'build', 'dist'],
    ['*.md', 'llms.txt', 'docs/**/*.md', 'sample/*/README.md', 'bench/README.md', 'proof/README.md'],
  )
  .map((file) => file.slice(root.length));

interface Link {
  /** Without the part after `#`; empty for a link into the document itself. */
  readonly path: string;
  readonly anchor: string | undefined;
}

const textOf = (document: string): string => readFileSync(join(root, document), 'utf8');

/** The links of a document, those of code blocks left out. */
function linksOf(text: string): Link[] {
  const prose = text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s#]*)(?:#([^)\s]*))?\)/g)].map(([, path, anchor]) => ({
    path: path!,
    anchor,
  }));
}

const isExternal = ({ path }: Link): boolean => /^[a-z]+:/.test(path);

/** Where the headings of a document can be linked to. */
function anchorsOf(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, '');
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function isBroken(document: string, { path, anchor }: Link): boolean {
  const target = path === '' ? document : join(document, '..', path);
  const file = join(root, target);
  if (ts.sys.directoryExists(file)) return anchor !== undefined;
  if (!ts.sys.fileExists(file)) return true;
  return anchor !== undefined && target.endsWith('.md') && !anchorsOf(textOf(target)).includes(anchor);
}

/** The documents that a document links to, as paths from the root. */
const targetsOf = (document: string): string[] =>
  linksOf(textOf(document))
    .filter((link) => !isExternal(link))
    .map(({ path }) => join(document, '..', path));

it('no link of the documentation leads nowhere', () => {
  expect(documents).toEqual(
    expect.arrayContaining([
      'README.md',
      'CONTRIBUTING.md',
      'llms.txt',
      'docs/README.md',
      'docs/recipes/email.md',
    ]),
  );
  const broken = documents.flatMap((document) =>
    linksOf(textOf(document))
      .filter((link) => !isExternal(link) && isBroken(document, link))
      .map(({ path, anchor }) => `${document}: ${path}${anchor === undefined ? '' : `#${anchor}`}`),
  );
  expect(broken).toEqual([]);
});

it('a broken link is seen', () => {
  const links = linksOf(
    '[a](guide.md) [b](gone.md) [c](guide.md#settings) [d](guide.md#gone) `[e](code.md)` [f](../docs)',
  );
  expect(links.map(({ path }) => path)).toEqual(['guide.md', 'gone.md', 'guide.md', 'guide.md', '../docs']);
  expect(links.map((link) => isBroken('docs/errors.md', link))).toEqual([false, true, false, true, false]);
});

const pages = documents.filter((document) => document.startsWith('docs/'));

it.each([
  { index: 'llms.txt', listed: pages },
  { index: 'docs/README.md', listed: pages.filter((page) => !page.startsWith('docs/internals/')) },
  { index: 'docs/internals/design.md', listed: pages.filter((page) => page.startsWith('docs/internals/')) },
])('$index lists its pages of docs', ({ index, listed }) => {
  expect(listed.length).toBeGreaterThan(2);
  const targets = [...targetsOf(index), index];
  expect(listed.filter((page) => !targets.includes(page))).toEqual([]);
});

it('llms.txt has the form that its readers expect', () => {
  const [title, blank, summary, ...rest] = textOf('llms.txt').split('\n');
  expect(title).toMatch(/^# \S/);
  expect(blank).toBe('');
  expect(summary).toMatch(/^> \S/);
  const items = rest.slice(rest.findIndex((line) => line.startsWith('## '))).filter((line) => line !== '');
  for (const line of items) expect(line).toMatch(/^(?:## \S.*|- \[[^\]]+\]\([^)]+\): \S.*)$/);
});
