import type { QualifiedTables, TableNames } from '../table-names.js';

/** The tables of a migration, in the notation of one database. */
export interface MigrationTables extends QualifiedTables {
  readonly names: TableNames;
}

/** A table that a database may have which keeps no jobs. */
export type TableAlone = 'barrier' | 'inbox';

/** One step of the schema's history. It never changes once it is released, and only adds. */
export interface Migration {
  /** Its number; `null` for a table that is created alone, which is not recorded. */
  readonly id: number | null;
  /** That table. */
  readonly alone?: TableAlone;
  /** Its name as a TypeORM migration, which ends in a JavaScript timestamp. */
  readonly name: string;
  /** Takes it back, in SQL that every database understands. */
  readonly down: (tables: MigrationTables) => readonly string[];
}

/** The DDL of one database. Running any of it twice does no harm. */
export interface SchemaStatements {
  /** Creates the table that records the migrations. */
  readonly history: (tables: MigrationTables) => string;
  /** Records a migration there. */
  readonly record: (tables: MigrationTables, id: number) => string;
  /** Creates one table, for a database that keeps no jobs. */
  readonly alone: Readonly<Record<TableAlone, (tables: MigrationTables) => readonly string[]>>;
  /** By the number of the migration. */
  readonly migrations: Readonly<Record<number, (tables: MigrationTables) => readonly string[]>>;
}
