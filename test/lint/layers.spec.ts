import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const floating = `async function work(): Promise<void> {}\nwork();\nexport {};`;

/** Files that break a rule, each with the rule. */
const refused: [path: string, code: string, rule: string][] = [
  ['lib/errors/a.ts', `export * from '../stepping.constants.js';`, 'no-restricted-imports'],
  ['lib/core/jobs/a.ts', `export * from '../../db/dialects/x.js';`, 'no-restricted-imports'],
  ['lib/core/jobs/b.ts', `export * from '../../tm/self/x.js';`, 'no-restricted-imports'],
  ['lib/core/steps/a.ts', `export * from 'class-validator';`, 'no-restricted-imports'],
  ['lib/core/steps/b.ts', `export const x = () => import('class-validator');`, 'no-restricted-imports'],
  ['lib/db/barrier/a.ts', `export * from '../../tm/self/x.js';`, 'no-restricted-imports'],
  ['lib/db/a.ts', `export * from '../interfaces/x.js';`, 'no-restricted-imports'],
  ['lib/db/b.ts', `export type { DataSource } from 'typeorm';`, 'no-restricted-imports'],
  ['lib/tm/self/a.ts', `export * from '../dtm/x.js';`, 'no-restricted-imports'],
  ['lib/tm/self/b.ts', `export * from '../../index.js';`, 'no-restricted-imports'],
  ['lib/tm/self/c.ts', `export * from '../../stepping.module.js';`, 'no-restricted-imports'],
  ['lib/tm/dtm/a.ts', `export * from '../self/x.js';`, 'no-restricted-imports'],
  ['lib/tm/dtm/b.ts', `export const x = () => import('@grpc/grpc-js');`, 'no-restricted-imports'],
  ['lib/tm/dtm/grpc-a.ts', `export * from '../self/x.js';`, 'no-restricted-imports'],
  ['lib/interfaces/a.ts', `export * from '../tm/self/x.js';`, 'no-restricted-imports'],
  ['lib/stepping.a.ts', `export * from '@nestjs/core/injector/module.js';`, 'no-restricted-imports'],
  ['lib/stepping.b.ts', `export * from 'pg';`, 'no-restricted-imports'],
  ['lib/stepping.c.ts', `export * from './testing/x.js';`, 'no-restricted-imports'],
  ['lib/tm/self/d.ts', `export * from '../../testing/x.js';`, 'no-restricted-imports'],
  ['lib/testing/a.ts', `export * from '../tm/dtm/x.js';`, 'no-restricted-imports'],
  ['lib/testing/b.ts', `export * from '../stepping.module.js';`, 'no-restricted-imports'],
  ['lib/testing/c.ts', `export type { TestingModule } from 'typeorm';`, 'no-restricted-imports'],
  ['lib/core/tm/cycle-a.ts', `export { x } from './cycle-b.js';`, 'no-cycle'],
  ['lib/core/tm/cycle-b.ts', `export { x } from './cycle-a.js';`, 'no-cycle'],
  ['lib/floating.ts', floating, 'no-floating-promises'],
  ['test/floating.ts', floating, 'no-floating-promises'],
  ['sample/01-orders/src/floating.ts', floating, 'no-floating-promises'],
];

/** Neighbours of those that must stay allowed. */
const accepted: [path: string, code: string][] = [
  ['lib/errors/z.ts', `export type { JobStatus } from '../core/jobs/job-status.js';`],
  ['lib/core/jobs/y.ts', `export * from '../../errors/index.js';`],
  ['lib/core/jobs/z.ts', `export * from '../tm/x.js';`],
  ['lib/core/tm/z.ts', `export type * from '../../db/typeorm.types.js';`],
  ['lib/core/steps/arguments-validator.ts', `export const x = () => import('class-validator');`],
  ['lib/db/barrier/z.ts', `export * from '../../core/tm/x.js';`],
  ['lib/tm/self/y.ts', `export * from '../../db/barrier/x.js';`],
  ['lib/tm/self/z.ts', `export * from '../../interfaces/x.js';`],
  ['lib/tm/dtm/z.ts', `export * from '../../db/barrier/x.js';`],
  ['lib/tm/dtm/grpc-z.ts', `export const x = () => import('@grpc/grpc-js');`],
  ['lib/interfaces/z.ts', `export * from '../db/dialects/x.js';`],
  ['lib/stepping.z.ts', `export * from './tm/self/x.js';`],
  ['lib/testing/y.ts', `export * from '../tm/self/x.js';`],
  ['lib/testing/z.ts', `export * from '../interfaces/x.js';`],
];

describe('the lint rules', () => {
  let folder: string;
  let findings: { filename: string; code: string }[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stepping-lint-'));
    await cp(join(repository, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    await cp(join(repository, 'tsconfig.json'), join(folder, 'tsconfig.json'));
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, code] of [...refused, ...accepted]) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), `${code}\n`);
    }
    findings = await lint(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(refused)('refuse in %s: %s', (path, _code, rule) => {
    expect(findingsIn(path)).toEqual([expect.stringContaining(rule)]);
  });

  it.each(accepted)('accept in %s: %s', (path) => {
    expect(findingsIn(path)).toEqual([]);
  });

  function findingsIn(path: string): string[] {
    return findings.filter((finding) => finding.filename === path).map((finding) => finding.code);
  }
});

function lint(folder: string): Promise<{ filename: string; code: string }[]> {
  const args = ['--type-aware', '--disable-nested-config', '--format=json', 'lib', 'test', 'sample'];
  return new Promise((resolve, reject) => {
    execFile(
      join(repository, 'node_modules/.bin/oxlint'),
      args,
      { cwd: folder },
      (_failed, stdout, stderr) => {
        try {
          resolve((JSON.parse(stdout) as { diagnostics: { filename: string; code: string }[] }).diagnostics);
        } catch (cause) {
          reject(new Error(`oxlint said: ${stdout}${stderr}`, { cause }));
        }
      },
    );
  });
}
