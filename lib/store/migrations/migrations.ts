import type { Migration, MigrationTables } from './migration.js';

const dropBarrier = ({ barrier }: MigrationTables): string => `DROP TABLE IF EXISTS ${barrier}`;

/**
 * The barrier table alone, for a database that keeps no jobs. It is not recorded: such a database has no other table of
 * the library.
 */
export const barrierTable: Migration = {
  id: null,
  name: 'SteppingBarrier1793491200000',
  down: (tables) => [dropBarrier(tables)],
};

/**
 * The history of the schema, in its order; the DDL of each database is in its folder. A new version of the library adds
 * to the end of the list. Migrations only add, so older code works with a newer database.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: 'SteppingInitial1793491200000',
    down: (tables) => [
      ...[tables.jobs, tables.processes, tables.stats, tables.controls, tables.audit].map(
        (table) => `DROP TABLE IF EXISTS ${table}`,
      ),
      dropBarrier(tables),
    ],
  },
];
