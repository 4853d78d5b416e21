import type { TableNames } from '../table-names.js';

/** The tables of one migration, in the notation of one database. */
export interface MigrationTables {
  readonly names: TableNames;
  readonly jobs: string;
  readonly barrier: string;
}

/** One step of the schema's history. Never changed once it is released, and only ever adds. */
export interface Migration {
  /** Its number; `null` for a table that can be created on its own and is not recorded. */
  readonly id: number | null;
  /** Its name as a TypeORM migration, which ends in a JavaScript timestamp. */
  readonly name: string;
  readonly postgres: (tables: MigrationTables) => readonly string[];
  readonly mysql: (tables: MigrationTables) => readonly string[];
  readonly sqlite: (tables: MigrationTables) => readonly string[];
  /** Takes it back, in SQL that every database understands. */
  readonly down: (tables: MigrationTables) => readonly string[];
}
