import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A path for a JSON report next to the usual output; `.ci/run` counts tests with it. */
const report = process.env.STEPPING_TEST_REPORT;

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
        find: /^nestjs-stepping\/dtm$/,
        replacement: fileURLToPath(new URL('./lib/tm/dtm/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-stepping\/testing$/,
        replacement: fileURLToPath(new URL('./lib/testing/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['test/**/*.spec.ts'],
    // Have commands of their own: `npm run test:package` and `npm run test:proof`.
    exclude: ['test/package/**', 'test/proof/**', '**/node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: [
      'default',
      './test/support/skipped-reporter.ts',
      ...(report ? [['json', { outputFile: report }] as ['json', { outputFile: string }]] : []),
    ],
  },
});
