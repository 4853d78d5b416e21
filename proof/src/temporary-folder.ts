import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();
process.once('exit', () => folders.forEach(removeFolder));

/** A new folder, removed at the latest when this process ends. */
export function temporaryFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `stepping-proof-${what}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}
