import type { MigrationTables, SchemaStatements } from '../migrations/migration.js';

/** With the columns and the unique key of DTM, so that services in other languages can share it. */
const barrier = (tables: MigrationTables): string => `
    CREATE TABLE IF NOT EXISTS ${tables.barrier} (
      id INTEGER PRIMARY KEY,
      trans_type TEXT NOT NULL DEFAULT '',
      gid TEXT NOT NULL DEFAULT '',
      branch_id TEXT NOT NULL DEFAULT '',
      op TEXT NOT NULL DEFAULT '',
      barrier_id TEXT NOT NULL DEFAULT '',
      reason TEXT NOT NULL DEFAULT '',
      create_time TEXT DEFAULT CURRENT_TIMESTAMP,
      update_time TEXT DEFAULT CURRENT_TIMESTAMP,
      CONSTRAINT "${tables.names.barrierKey}" UNIQUE (gid, branch_id, op, barrier_id)
    )`;

/** The library's tables on SQLite. */
export const sqliteSchema: SchemaStatements = {
  history: (tables) => `
      CREATE TABLE IF NOT EXISTS ${tables.migrations} (
        id INTEGER PRIMARY KEY,
        applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
      )`,
  record: (tables, id) => `INSERT OR IGNORE INTO ${tables.migrations} (id) VALUES (${id})`,
  barrier,
  migrations: {
    // The indexes leave out whatever is not asked for: ended jobs, and those that have not failed.
    1: (tables) => [
      `
    CREATE TABLE IF NOT EXISTS ${tables.jobs} (
      gid TEXT NOT NULL PRIMARY KEY,
      name TEXT,
      status TEXT NOT NULL,
      steps TEXT NOT NULL,
      step_index INTEGER NOT NULL,
      step_name TEXT,
      attempts INTEGER NOT NULL,
      mark TEXT,
      crashes INTEGER,
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
      `
    CREATE INDEX IF NOT EXISTS main."${tables.names.failedIndex}"
      ON "${tables.names.jobs}" (gid) WHERE status = 'failed'`,
      barrier(tables),
    ],
  },
};
