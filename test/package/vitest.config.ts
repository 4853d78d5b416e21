import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const report = process.env.STEPPING_TEST_REPORT;

/** Tests of the packed package. They install NestJS 10, 11 and 12 into temporary folders. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/package/*.spec.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    reporters: [
      'verbose',
      './test/support/skipped-reporter.ts',
      ...(report ? [['json', { outputFile: report }] as ['json', { outputFile: string }]] : []),
    ],
  },
});
