import type { Migration, TableAlone } from './migration.js';

/**
 * One table alone, for a database that keeps no jobs. It is not recorded: such a database may have no other table of the
 * library.
 */
export const TABLES_ALONE: Readonly<Record<TableAlone, Migration>> = {
  barrier: tableAlone('barrier', 'SteppingBarrier1793491200000'),
  inbox: tableAlone('inbox', 'SteppingInbox1793491200000'),
};

/**
 * The history of the schema, in its order; the DDL of each database is in its folder. A new version of the library adds
 * to the end of the list. Migrations only add, so older code works with a newer database.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: 'SteppingInitial1793491200000',
    down: ({ jobs, processes, stats, controls, audit, barrier, inbox }) =>
      [jobs, processes, stats, controls, audit, barrier, inbox].map(dropped),
  },
];

function tableAlone(table: TableAlone, name: string): Migration {
  return { id: null, alone: table, name, down: (tables) => [dropped(tables[table])] };
}

function dropped(table: string): string {
  return `DROP TABLE IF EXISTS ${table}`;
}
