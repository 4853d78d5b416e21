import { cpSync, readFileSync, symlinkSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

/** A change to a copy of the built library. */
export interface Patch {
  /** Below `dist`. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
}

/** A private copy of the built library and of the worker, so that a build in the repository does not change a run. */
export class BuildCopy {
  private constructor(readonly root: string) {}

  static create(repository: string, patches: readonly Patch[] = []): BuildCopy {
    if (
      !existsSync(join(repository, 'dist/index.js')) ||
      !existsSync(join(repository, 'build/proof/main.js'))
    ) {
      throw new Error('Nothing is built yet: run "npm run build && npm run build:proof" first');
    }
    const root = temporaryFolder('build');
    for (const part of ['package.json', 'dist', 'build/proof']) {
      cpSync(join(repository, part), join(root, part), { recursive: true });
    }
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
    for (const patch of patches) apply(join(root, 'dist', patch.file), patch);
    return new BuildCopy(root);
  }

  remove(): void {
    removeFolder(this.root);
  }
}

function apply(path: string, { file, replace, by }: Patch): void {
  const text = readFileSync(path, 'utf8');
  if (text.split(replace).length !== 2)
    throw new Error(`dist/${file} holds this not exactly once: ${replace}`);
  writeFileSync(
    path,
    text.replace(replace, () => by),
  );
}
