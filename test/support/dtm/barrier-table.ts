import type { Backend } from '../database.js';

const COLUMNS = `
  trans_type varchar(45) DEFAULT '',
  gid varchar(128) DEFAULT '',
  branch_id varchar(128) DEFAULT '',
  op varchar(45) DEFAULT '',
  barrier_id varchar(45) DEFAULT '',
  reason varchar(45) DEFAULT ''`;
/** DTM has no script for SQLite: this one compares as MySQL does. */
const LOOSE_COLUMNS = COLUMNS.replaceAll(' DEFAULT', ' COLLATE NOCASE DEFAULT');

/**
 * A table `barrier` as DTM's scripts make it, `sqls/dtmcli.barrier.<database>.sql`: on MySQL it is compared without regard to
 * case and to spaces at the end, and on PostgreSQL it does not set its times by itself.
 */
export function dtmBarrierTable(backend: Backend): readonly string[] {
  const key = 'UNIQUE (gid, branch_id, op, barrier_id)';
  switch (backend) {
    case 'mariadb':
      return [
        `CREATE TABLE barrier (
           id bigint(22) PRIMARY KEY AUTO_INCREMENT, ${COLUMNS},
           create_time datetime DEFAULT now(), update_time datetime DEFAULT now(),
           KEY (create_time), KEY (update_time), ${key}
         ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`,
      ];
    case 'postgres':
      return [
        'CREATE SEQUENCE barrier_seq',
        `CREATE TABLE barrier (
           id bigint NOT NULL DEFAULT nextval('barrier_seq') PRIMARY KEY, ${COLUMNS},
           create_time timestamptz(0) DEFAULT NULL, update_time timestamptz(0) DEFAULT NULL,
           CONSTRAINT uniq_barrier ${key}
         )`,
      ];
    case 'sqlite':
      return [
        `CREATE TABLE barrier (id INTEGER PRIMARY KEY, ${LOOSE_COLUMNS}, create_time TEXT, update_time TEXT, ${key})`,
      ];
  }
}
