import { type TestDatabase, onTidb } from './database.js';

/** Finds a row while a transaction of this database waits for a lock that another one holds. */
export function lockWaits({ backend, schema, url }: TestDatabase): string {
  if (backend === 'postgres') {
    return `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${schema}%'`;
  }
  const name = new URL(url).pathname.slice(1);
  return onTidb
    ? `SELECT 1 FROM information_schema.tidb_trx WHERE state = 'LockWaiting' AND db = '${name}'`
    : `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%${name}%'`;
}
