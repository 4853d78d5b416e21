import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { afterAll } from 'vitest';
import { root } from '../entry-points.js';
import { blocksOf } from '../pages.js';

/**
 * Runs what stands on the page `docs/recipes/<name>.md`: writes its files into a folder as a reader would, and imports them. Returns all that
 * they export.
 */
export async function recipe(name: string): Promise<Record<string, any>> {
  // Inside the repository, so that packages are found as by any file of it.
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build', `recipe-${basename(name)}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const files: string[] = [];
  for (const { code, file, line } of blocksOf(`docs/recipes/${name}.md`)) {
    if (file === undefined)
      throw new Error(`docs/recipes/${name}.md, line ${line}: the first line must name the file`);
    // Node.js itself loads the code of a thread.
    if (file.endsWith('.worker.ts'))
      writeFileSync(join(folder, file.replace(/ts$/, 'js')), javaScriptOf(code));
    else {
      writeFileSync(join(folder, file), code);
      files.push(file);
    }
  }
  if (files.length === 0) throw new Error(`docs/recipes/${name}.md holds no code`);

  const modules = files.map((file) => import(/* @vite-ignore */ join(folder, file)) as Promise<object>);
  return Object.assign({}, ...(await Promise.all(modules))) as Record<string, any>;
}

function javaScriptOf(code: string): string {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  return outputText;
}
