import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** The short form of the proof: minutes of kills and faults, alone on the machine. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: ['**/node_modules/**'] } },
  defineConfig({ test: { include: ['test/proof/**/*.spec.ts'] } }),
);
