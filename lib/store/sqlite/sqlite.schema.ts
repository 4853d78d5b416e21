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

/** Only `mark` is compared: it is a hash, which every database compares exactly, whatever the id is. */
const inbox = (tables: MigrationTables): string[] => [
  `
    CREATE TABLE IF NOT EXISTS ${tables.inbox} (
      mark TEXT NOT NULL PRIMARY KEY,
      consumer TEXT NOT NULL,
      message_id TEXT NOT NULL,
      received_at INTEGER NOT NULL,
      kept_for INTEGER
    )`,
  `
    CREATE INDEX IF NOT EXISTS main."${tables.names.inboxIndex}"
      ON "${tables.names.inbox}" (received_at)`,
];

/** The library's tables on SQLite. */
export const sqliteSchema: SchemaStatements = {
  history: (tables) => `
      CREATE TABLE IF NOT EXISTS ${tables.migrations} (
        id INTEGER PRIMARY KEY,
        applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
      )`,
  record: (tables, id) => `INSERT OR IGNORE INTO ${tables.migrations} (id) VALUES (${id})`,
  alone: { barrier: (tables) => [barrier(tables)], inbox },
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
      error_name TEXT,
      trace TEXT,
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
      `
    CREATE TABLE IF NOT EXISTS ${tables.processes} (
      id TEXT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      host TEXT NOT NULL,
      pid INTEGER NOT NULL,
      version TEXT NOT NULL,
      state TEXT NOT NULL,
      runs_steps INTEGER NOT NULL,
      started_at INTEGER NOT NULL,
      seen_at INTEGER NOT NULL,
      recovered_at INTEGER,
      concurrency INTEGER NOT NULL,
      running INTEGER NOT NULL,
      waiting INTEGER NOT NULL,
      steps TEXT NOT NULL,
      busy TEXT NOT NULL
    )`,
      `
    CREATE TABLE IF NOT EXISTS ${tables.stats} (
      bucket INTEGER NOT NULL,
      step TEXT NOT NULL,
      process TEXT NOT NULL,
      succeeded INTEGER NOT NULL,
      failed INTEGER NOT NULL,
      gave_up INTEGER NOT NULL,
      jobs_succeeded INTEGER NOT NULL,
      run_ms REAL NOT NULL,
      wait_ms REAL NOT NULL,
      run_hist TEXT NOT NULL,
      wait_hist TEXT NOT NULL,
      PRIMARY KEY (bucket, step, process)
    )`,
      `
    CREATE TABLE IF NOT EXISTS ${tables.controls} (
      kind TEXT NOT NULL,
      target TEXT NOT NULL,
      value TEXT,
      reason TEXT,
      set_by TEXT,
      since INTEGER NOT NULL,
      until INTEGER,
      PRIMARY KEY (kind, target)
    )`,
      `
    CREATE TABLE IF NOT EXISTS ${tables.audit} (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      done_by TEXT,
      action TEXT NOT NULL,
      gid TEXT,
      step TEXT,
      reason TEXT,
      changed INTEGER NOT NULL,
      detail TEXT
    )`,
      `
    CREATE INDEX IF NOT EXISTS main."${tables.names.auditIndex}"
      ON "${tables.names.audit}" (gid, id) WHERE gid IS NOT NULL`,
      ...inbox(tables),
    ],
  },
};
