import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));

/**
 * Copies a built library into `node_modules`. A copy instead of a link, so that it finds the peer dependencies there, and all
 * contenders share one TypeORM and one NestJS.
 */
export function installLibrary(folder: string, name = 'nestjs-stepping'): void {
  if (!existsSync(join(folder, 'dist', 'index.js'))) {
    throw new Error(`${folder} has no built library: run 'npm run build' there.`);
  }
  const target = join(MODULES, name);
  rmSync(target, { recursive: true, force: true });
  for (const part of ['dist', 'package.json'])
    cpSync(join(folder, part), join(target, part), { recursive: true });
}
