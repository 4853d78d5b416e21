import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './entry-points.js';

/** A TypeScript block of a page. */
export interface CodeBlock {
  /** The line of the page that it begins at. */
  readonly line: number;
  readonly code: string;
  /** The file that it is, where its first line says so: `// mail.ts`. Other blocks of the page can import it. */
  readonly file: string | undefined;
}

/** The README, and every page of `docs`. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export function blocksOf(document: string): CodeBlock[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length + 1,
    code: match[1]!,
    file: /^\/\/ (?:src\/)?([\w.-]+\.ts)\n/.exec(match[1]!)?.[1],
  }));
}
