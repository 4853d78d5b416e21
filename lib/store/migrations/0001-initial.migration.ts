import { barrierTable } from './barrier.migration.js';
import type { Migration } from './migration.js';

/**
 * The job table with its one index, and the barrier table.
 *
 * Character sets and collations are spelled out, since a database's default may compare gids without
 * regard to case. `steps` is text and no JSON type, which would refuse escaped NUL characters and
 * reorder keys. The index leaves ended jobs out where the database can do so.
 */
export const initial: Migration = {
  id: 1,
  name: 'SteppingInitial1793491200000',
  postgres: (tables) => [
    `
    CREATE TABLE IF NOT EXISTS ${tables.jobs} (
      gid varchar(128) COLLATE "C" PRIMARY KEY,
      name varchar(255),
      status varchar(12) COLLATE "C" NOT NULL,
      steps text NOT NULL,
      step_index integer NOT NULL,
      step_name varchar(255) COLLATE "C",
      attempts integer NOT NULL,
      attempt_log text,
      owner varchar(64) COLLATE "C",
      lookup text,
      error text,
      created_at timestamptz(6) NOT NULL,
      due_at timestamptz(6),
      ended_at timestamptz(6)
    )`,
    `
    CREATE INDEX IF NOT EXISTS "${tables.names.dueIndex}"
      ON ${tables.jobs} (due_at) WHERE due_at IS NOT NULL`,
    ...barrierTable.postgres(tables),
  ],
  mysql: (tables) => [
    `
    CREATE TABLE IF NOT EXISTS ${tables.jobs} (
      gid VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      name VARCHAR(255) NULL,
      status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      steps LONGTEXT NOT NULL,
      step_index INT NOT NULL,
      step_name VARCHAR(255) NULL,
      attempts INT NOT NULL,
      attempt_log TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
      owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      lookup TEXT NULL,
      error TEXT NULL,
      created_at DATETIME(6) NOT NULL,
      due_at DATETIME(6) NULL,
      ended_at DATETIME(6) NULL,
      KEY \`${tables.names.dueIndex}\` (due_at)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    ...barrierTable.mysql(tables),
  ],
  sqlite: (tables) => [
    `
    CREATE TABLE IF NOT EXISTS ${tables.jobs} (
      gid TEXT NOT NULL PRIMARY KEY,
      name TEXT,
      status TEXT NOT NULL,
      steps TEXT NOT NULL,
      step_index INTEGER NOT NULL,
      step_name TEXT,
      attempts INTEGER NOT NULL,
      attempt_log TEXT,
      owner TEXT,
      lookup TEXT,
      error TEXT,
      created_at INTEGER NOT NULL,
      due_at INTEGER,
      ended_at INTEGER
    )`,
    `
    CREATE INDEX IF NOT EXISTS main."${tables.names.dueIndex}"
      ON "${tables.names.jobs}" (due_at) WHERE due_at IS NOT NULL`,
    ...barrierTable.sqlite(tables),
  ],
  down: (tables) => [`DROP TABLE IF EXISTS ${tables.jobs}`, ...barrierTable.down(tables)],
};
