import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { majorOf, type NodeVersion } from './cells.js';
import { npm, run } from './command.js';
import { repository } from './installation.js';

/** A Node.js, and a SQLite driver that it can load. */
export interface NodeProgram {
  readonly path: string;
  readonly sqliteDriver: string;
}

/** The oldest Node.js for which the SQLite driver comes compiled. */
const DRIVER_FROM = 22;

/** This process's own if it is of that line, else the one that npm has as a package. */
export async function findNode(root: string, version: NodeVersion): Promise<NodeProgram> {
  if (majorOf(process.versions.node) === majorOf(version)) {
    return { path: process.execPath, sqliteDriver: join(repository, 'node_modules/better-sqlite3') };
  }
  if (Number(majorOf(version)) < DRIVER_FROM) {
    throw new Error(`Node ${version} needs an SQLite addon compiled for it: run the matrix on that version`);
  }
  const folder = join(root, `node-${version}`);
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
  // Version 13 brings addons that are compiled once for all Node.js versions; 12 would be compiled here for minutes.
  await npm(folder, ['install', `${name}@${version}`, 'better-sqlite3@^13.0.0']);
  const path = join(folder, 'node_modules', name, 'bin/node');
  const reported = (await run(path, ['--version'], { cwd: folder })).trim();
  if (reported !== `v${version}`) throw new Error(`The package ${name}@${version} holds Node ${reported}`);
  return { path, sqliteDriver: join(folder, 'node_modules/better-sqlite3') };
}
