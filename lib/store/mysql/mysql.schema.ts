import type { MigrationTables, SchemaStatements } from '../migrations/migration.js';

/** With the columns and the unique key of DTM, so that services in other languages can share it. */
const barrier = (tables: MigrationTables): string => `
    CREATE TABLE IF NOT EXISTS ${tables.barrier} (
      id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      trans_type VARCHAR(45) NOT NULL DEFAULT '',
      gid VARCHAR(128) NOT NULL DEFAULT '',
      branch_id VARCHAR(128) NOT NULL DEFAULT '',
      op VARCHAR(45) NOT NULL DEFAULT '',
      barrier_id VARCHAR(45) NOT NULL DEFAULT '',
      reason VARCHAR(45) NOT NULL DEFAULT '',
      create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
      update_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
      UNIQUE KEY \`${tables.names.barrierKey}\` (gid, branch_id, op, barrier_id)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

/** Only `mark` is compared: it is a hash, which every database compares exactly, whatever the id is. */
const inbox = (tables: MigrationTables): string => `
    CREATE TABLE IF NOT EXISTS ${tables.inbox} (
      mark CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      consumer VARCHAR(255) NOT NULL,
      message_id VARCHAR(255) NOT NULL,
      received_at DATETIME(6) NOT NULL,
      kept_for BIGINT NULL,
      KEY \`${tables.names.inboxIndex}\` (received_at)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

/** The library's tables on MySQL and MariaDB. */
export const mysqlSchema: SchemaStatements = {
  history: (tables) => `
      CREATE TABLE IF NOT EXISTS ${tables.migrations} (
        id INT NOT NULL PRIMARY KEY,
        applied_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
      ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  record: (tables, id) => `INSERT IGNORE INTO ${tables.migrations} (id) VALUES (${id})`,
  alone: { barrier: (tables) => [barrier(tables)], inbox: (tables) => [inbox(tables)] },
  migrations: {
    // Character sets and collations are spelled out: a database's default may compare gids without regard to case.
    // `steps` is text: a JSON type would refuse escaped NUL characters and reorder keys. `failed` stands in for a partial
    // index: as long as a job has not failed, its entry there never changes.
    1: (tables) => [
      `
    CREATE TABLE IF NOT EXISTS ${tables.jobs} (
      gid VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      name VARCHAR(255) NULL,
      status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      steps LONGTEXT NOT NULL,
      step_index INT NOT NULL,
      step_name VARCHAR(255) NULL,
      attempts INT NOT NULL,
      mark VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NULL,
      crashes INT NULL,
      attempt_log TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
      owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      lookup TEXT NULL,
      error TEXT NULL,
      error_name VARCHAR(255) NULL,
      trace TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
      created_at DATETIME(6) NOT NULL,
      due_at DATETIME(6) NULL,
      ended_at DATETIME(6) NULL,
      failed TINYINT GENERATED ALWAYS AS (IF(status = 'failed', 1, NULL)) VIRTUAL,
      KEY \`${tables.names.dueIndex}\` (due_at),
      KEY \`${tables.names.failedIndex}\` (failed, gid)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      barrier(tables),
      `
    CREATE TABLE IF NOT EXISTS ${tables.processes} (
      id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
      name VARCHAR(255) NOT NULL,
      host VARCHAR(255) NOT NULL,
      pid INT NOT NULL,
      version VARCHAR(32) NOT NULL,
      state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      runs_steps TINYINT NOT NULL,
      started_at DATETIME(6) NOT NULL,
      seen_at DATETIME(6) NOT NULL,
      recovered_at DATETIME(6) NULL,
      concurrency INT NOT NULL,
      running INT NOT NULL,
      waiting INT NOT NULL,
      steps MEDIUMTEXT NOT NULL,
      busy MEDIUMTEXT NOT NULL
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      `
    CREATE TABLE IF NOT EXISTS ${tables.stats} (
      bucket DATETIME NOT NULL,
      step VARCHAR(255) NOT NULL,
      process VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      succeeded BIGINT NOT NULL,
      failed BIGINT NOT NULL,
      gave_up BIGINT NOT NULL,
      jobs_succeeded BIGINT NOT NULL,
      run_ms DOUBLE NOT NULL,
      wait_ms DOUBLE NOT NULL,
      run_hist TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      wait_hist TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      PRIMARY KEY (bucket, step, process)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      `
    CREATE TABLE IF NOT EXISTS ${tables.controls} (
      kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      target VARCHAR(255) NOT NULL,
      value TEXT NULL,
      reason TEXT NULL,
      set_by VARCHAR(255) NULL,
      since DATETIME(6) NOT NULL,
      \`until\` DATETIME(6) NULL,
      PRIMARY KEY (kind, target)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      `
    CREATE TABLE IF NOT EXISTS ${tables.audit} (
      id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      at DATETIME(6) NOT NULL,
      done_by VARCHAR(255) NULL,
      action VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      gid VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
      step VARCHAR(255) NULL,
      reason TEXT NULL,
      changed BIGINT NOT NULL,
      detail LONGTEXT NULL,
      KEY \`${tables.names.auditIndex}\` (gid, id)
    ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      inbox(tables),
    ],
  },
};
