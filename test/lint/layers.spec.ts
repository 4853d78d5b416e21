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
  ['lib/errors/a.ts', `export * from '../stepping.constants.js';`, 'stepping(layers)'],
  ['lib/core/jobs/a.ts', `export * from '../../store/x.js';`, 'stepping(layers)'],
  ['lib/core/jobs/b.ts', `export * from '../../tm/self/x.js';`, 'stepping(layers)'],
  ['lib/core/c.ts', `export * from '../store/postgres/x.js';`, 'stepping(layers)'],
  ['lib/core/d.ts', `export type * from '../transactions/x.js';`, 'stepping(layers)'],
  ['lib/core/steps/a.ts', `export * from 'class-validator';`, 'stepping(layers)'],
  ['lib/core/steps/b.ts', `export const x = () => import('class-validator');`, 'stepping(layers)'],
  ['lib/store/a.ts', `export * from '../transactions/x.js';`, 'stepping(layers)'],
  ['lib/store/b.ts', `export * from '../stepping.options.js';`, 'stepping(layers)'],
  ['lib/store/c.ts', `export * from './postgres/x.js';`, 'stepping(layers)'],
  ['lib/store/d.ts', `export type { DataSource } from 'typeorm';`, 'stepping(layers)'],
  ['lib/store/mysql/a.ts', `export * from '../postgres/x.js';`, 'stepping(layers)'],
  ['lib/transactions/a.ts', `export * from '../tm/self/x.js';`, 'stepping(layers)'],
  ['lib/transactions/b.ts', `export * from '../store/sqlite/x.js';`, 'stepping(layers)'],
  [
    'lib/transactions/c.ts',
    `export const x = (type: string) => type === 'postgres';`,
    'stepping(database-names)',
  ],
  ['lib/core/e.ts', `export { Logger } from '@nestjs/common';`, 'stepping(loggers)'],
  [
    'lib/tm/dtm/d.ts',
    `import { Inject, ConsoleLogger } from '@nestjs/common';\nexport const x = [Inject, ConsoleLogger];`,
    'stepping(loggers)',
  ],
  ['lib/tm/self/a.ts', `export * from '../dtm/x.js';`, 'stepping(layers)'],
  ['lib/tm/self/b.ts', `export * from '../../index.js';`, 'stepping(layers)'],
  ['lib/tm/self/c.ts', `export * from '../../stepping.module.js';`, 'stepping(layers)'],
  ['lib/tm/self/d.ts', `export * from '../../testing/x.js';`, 'stepping(layers)'],
  ['lib/tm/self/e.ts', `export const x = { mysql: 1 }['mysql'];`, 'stepping(database-names)'],
  ['lib/tm/dtm/a.ts', `export * from '../self/x.js';`, 'stepping(layers)'],
  ['lib/tm/dtm/b.ts', `export const x = () => import('@grpc/grpc-js');`, 'stepping(layers)'],
  ['lib/tm/dtm/grpc-a.ts', `export * from '../self/x.js';`, 'stepping(layers)'],
  ['lib/stepping.a.ts', `export * from '@nestjs/core/injector/module.js';`, 'stepping(layers)'],
  ['lib/stepping.b.ts', `export * from 'pg';`, 'stepping(layers)'],
  ['lib/stepping.c.ts', `export * from './testing/x.js';`, 'stepping(layers)'],
  ['lib/core/f.ts', `export { trace } from '@opentelemetry/api';`, 'stepping(layers)'],
  ['lib/tm/self/f.ts', `export * from '../../opentelemetry/x.js';`, 'stepping(layers)'],
  ['lib/opentelemetry/a.ts', `export * from '../tm/self/x.js';`, 'stepping(layers)'],
  ['lib/cli/a.ts', `export * from '../tm/dtm/x.js';`, 'stepping(layers)'],
  ['lib/cli/b.ts', `export const x = () => import('typeorm');`, 'stepping(layers)'],
  ['lib/stepping.d.ts', `export * from './cli/x.js';`, 'stepping(layers)'],
  ['lib/events/a.ts', `export * from '../tm/self/x.js';`, 'stepping(layers)'],
  ['lib/stepping.e.ts', `export * from './events/x.js';`, 'stepping(layers)'],
  ['lib/testing/a.ts', `export * from '../tm/dtm/x.js';`, 'stepping(layers)'],
  ['lib/testing/b.ts', `export * from '../stepping.module.js';`, 'stepping(layers)'],
  ['lib/testing/c.ts', `export type { TestingModule } from 'typeorm';`, 'stepping(layers)'],
  ['lib/core/cycle-a.ts', `export { x } from './cycle-b.js';`, 'no-cycle'],
  ['lib/core/cycle-b.ts', `export { x } from './cycle-a.js';`, 'no-cycle'],
  ['proof/src/cycle-a.ts', `import type { B } from './cycle-b.js';\nexport type A = B[];`, 'no-cycle'],
  [
    'proof/src/cycle-b.ts',
    `import type { A } from './cycle-a.js';\nexport interface B {\n  a: A;\n}`,
    'no-cycle',
  ],
  ['lib/floating.ts', floating, 'no-floating-promises'],
  ['test/floating.ts', floating, 'no-floating-promises'],
  ['sample/01-orders/src/floating.ts', floating, 'no-floating-promises'],
];

/** Neighbours of those that must stay allowed. */
const accepted: [path: string, code: string][] = [
  ['lib/errors/z.ts', `export type { JobStatus } from '../core/jobs/job-info.js';`],
  [
    'lib/core/line-logger.ts',
    `import { Logger } from '@nestjs/common';\nexport class LineLogger extends Logger {}`,
  ],
  ['lib/core/jobs/y.ts', `export * from '../../errors/index.js';`],
  ['lib/core/jobs/z.ts', `export * from '../transactions/x.js';`],
  ['lib/core/steps/arguments-validator.ts', `export const x = () => import('class-validator');`],
  ['lib/store/z.ts', `export * from '../core/transactions/x.js';`],
  ['lib/store/databases.ts', `export * from './postgres/x.js';\nexport const x = 'postgres';`],
  ['lib/store/postgres/z.ts', `export * from '../job-store.js';\nexport const x = 'postgres';`],
  ['lib/transactions/z.ts', `export * from '../store/dialect.js';`],
  ['lib/opentelemetry/z.ts', `export { trace } from '@opentelemetry/api';`],
  ['lib/opentelemetry/y.ts', `export * from '../core/telemetry/x.js';`],
  ['lib/tm/self/y.ts', `export * from '../../transactions/x.js';`],
  ['lib/tm/self/z.ts', `export * from '../../stepping.options.js';`],
  ['lib/tm/dtm/z.ts', `export * from '../../store/barrier.js';`],
  ['lib/tm/dtm/grpc-z.ts', `export const x = () => import('@grpc/grpc-js');`],
  ['lib/stepping.options.ts', `export * from './store/table-names.js';`],
  ['lib/stepping.z.ts', `export * from './tm/self/x.js';`],
  ['lib/events/z.ts', `export * from '../transactions/x.js';\nexport * from '../stepping.z.js';`],
  ['lib/testing/y.ts', `export * from '../tm/self/x.js';`],
];

describe('the lint rules', () => {
  let folder: string;
  let findings: { filename: string; code: string }[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stepping-lint-'));
    for (const path of ['.oxlintrc.json', 'scripts/lint'])
      await cp(join(repository, path), join(folder, path), { recursive: true });
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
  const args = ['--type-aware', '--disable-nested-config', '--format=json', 'lib', 'proof', 'sample', 'test'];
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
