import { fileURLToPath } from 'node:url';
import { mergeConfig, defineConfig } from 'vitest/config';
import project from '../../../vitest.config.js';

const { test, ...shared } = project as { test: Record<string, unknown> };
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What takes minutes and a large table, and belongs to no other run: `npm run scale:dashboard`. */
export default mergeConfig(
  defineConfig(shared as object),
  defineConfig({
    root,
    test: {
      include: ['test/dashboard/scale/**/*.scale.ts'],
      globalSetup: test.globalSetup as string[],
      setupFiles: test.setupFiles as string[],
      pool: 'forks',
      maxWorkers: 1,
      testTimeout: 3_600_000,
      hookTimeout: 3_600_000,
    },
  }),
);
