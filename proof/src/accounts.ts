import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { temporaryFolder } from './temporary-folder.js';

/** The user that a server runs as; empty for the current one. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** The account to run the server as: the current one, except for root. */
export function accountOf(user: string): Account | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

/** A new folder of this user, which nobody else can read. */
export function ownedFolder(what: string, { uid, gid }: Account): string {
  const folder = temporaryFolder(what);
  chmodSync(folder, 0o700);
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
}
