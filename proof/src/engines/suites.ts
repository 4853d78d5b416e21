import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { RunningEngine } from './engine.js';

/** Runs the engine's suites, and prints what they print. False if one has failed. */
export async function runSuites(engine: RunningEngine, repository: string): Promise<boolean> {
  const { suites, environment, backend, tests = `\\[${backend}\\]` } = engine;
  const child = spawn(
    process.execPath,
    [
      join(repository, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--project',
      'library',
      '--reporter',
      'default',
      // The servers need the machine, too.
      '--maxWorkers',
      '1',
      '--testNamePattern',
      tests,
      ...suites,
    ],
    { cwd: repository, stdio: 'inherit', env: { ...process.env, ...environment } },
  );
  const end = (): void => void child.kill('SIGTERM');
  process.once('exit', end);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('exit', end);
  return code === 0;
}
