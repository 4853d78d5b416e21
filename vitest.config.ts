import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A path for a JSON report beside the usual output; `.ci/run` counts tests with it. */
const report = process.env.STEPPING_TEST_REPORT;

/** Tests mostly wait for databases and clocks: two at a time leave half of two processors idle. */
const WORKERS = 3;

/**
 * Guarantees that every run also tests with a codec; `npm run test:codec` tests all of them so. Together they start,
 * claim, retry, list and repair jobs.
 */
const withCodec = [
  'test/guarantees/arguments/arguments.spec.ts',
  'test/guarantees/operating/admin.spec.ts',
  'test/guarantees/operating/filters.spec.ts',
  'test/guarantees/operating/run-steps.spec.ts',
  'test/guarantees/operating/steering.spec.ts',
  'test/guarantees/steps/retry.spec.ts',
  'test/guarantees/transactions/duplicate-gid.spec.ts',
];

export default defineConfig({
  // Vite reads these two from a tsconfig only for the files which that tsconfig includes.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      {
        find: /^nestjs-stepping$/,
        replacement: fileURLToPath(new URL('./lib/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/dashboard$/,
        replacement: fileURLToPath(new URL('./lib/dashboard/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/dtm$/,
        replacement: fileURLToPath(new URL('./lib/tm/dtm/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/events$/,
        replacement: fileURLToPath(new URL('./lib/events/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/opentelemetry$/,
        replacement: fileURLToPath(new URL('./lib/opentelemetry/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/terminus$/,
        replacement: fileURLToPath(new URL('./lib/terminus/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/testing$/,
        replacement: fileURLToPath(new URL('./lib/testing/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'library',
          include: ['test/**/*.spec.ts'],
          exclude: ['test/proof/**', 'test/package/**', '**/node_modules/**'],
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'codec',
          include: process.env.STEPPING_TEST_CODEC === 'all' ? ['test/guarantees/**/*.spec.ts'] : withCodec,
          env: { STEPPING_TEST_CODEC: 'on' },
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'proof',
          include: ['test/proof/**/*.spec.ts'],
          // Kills and floods: alone on the machine, after everything else.
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/*.spec.ts'],
          // They install NestJS 10, 11 and 12 into temporary folders.
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/quiet.ts'],
    // What a test provokes on purpose is printed only when the test fails.
    silent: process.env.STEPPING_TEST_LOG ? false : 'passed-only',
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    slowTestThreshold: 10_000,
    reporters: [
      'default',
      './test/support/skipped-reporter.ts',
      ...(report ? [['json', { outputFile: report }] as ['json', { outputFile: string }]] : []),
    ],
  },
});
