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
    projects: [
      {
        extends: true,
        test: {
          name: 'library',
          include: ['test/**/*.spec.ts'],
          // The package's tests install it again and again: `npm run test:package`.
          exclude: ['test/package/**', 'test/proof/**', '**/node_modules/**'],
          maxWorkers: 2,
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
    ],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: [
      'default',
      './test/support/skipped-reporter.ts',
      ...(report ? [['json', { outputFile: report }] as ['json', { outputFile: string }]] : []),
    ],
  },
});
