import { existsSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './entry-points.js';

const page = readFileSync(join(root, 'docs/internals/design.md'), 'utf8');

/** The longest way from a public call to SQL that a reader is expected to follow. */
const MOST_FILES = 12;

describe('the page on the design', () => {
  it('describes every folder of lib, and no other', () => {
    const described = [...section('Where things live').matchAll(/^\| `(lib\/[a-z/]+)` /gm)].map(
      ([, name]) => name!,
    );
    // What the repository holds: a checkout may have empty folders of other versions.
    const files = execFileSync('git', ['ls-files', 'lib'], { cwd: root, encoding: 'utf8' })
      .trim()
      .split('\n');
    const folders = new Set(files.map((file) => dirname(file)).filter((folder) => folder !== 'lib'));
    expect(described.toSorted()).toEqual([...folders].toSorted());
  });

  it('walks from start() to the SQL through files that exist, and not too many', () => {
    const walk = [...section('The walk of a job').matchAll(/^\d+\. `([a-z/.-]+\.ts)`/gm)].map(
      ([, name]) => name!,
    );
    expect(walk.length).toBeGreaterThan(5);
    expect(walk.length).toBeLessThanOrEqual(MOST_FILES);
    expect(walk.filter((file) => !existsSync(join(root, 'lib', file)))).toEqual([]);
  });
});

function section(title: string): string {
  const [, text = ''] = page.split(`## ${title}\n`);
  return text.split('\n## ')[0]!;
}
