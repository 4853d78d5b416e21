import { initial } from './0001-initial.migration.js';
import type { Migration } from './migration.js';

/**
 * The history of the schema, in its order. A new version of the library adds to the end of the list; a
 * database that is newer than the code goes on working, because migrations only add.
 */
export const MIGRATIONS: readonly Migration[] = [initial];
