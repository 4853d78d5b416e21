import { driverErrorOf } from '../dialect.js';

/** Lock wait time-out, deadlock, and MariaDB's "record has changed since last read". */
const CONFLICTS = new Set<unknown>([1205, 1213, 1020]);
/** Also: what NOWAIT answers on MySQL; MariaDB answers it with a lock wait time-out. */
const TRANSIENT_ERRORS = new Set<unknown>([...CONFLICTS, 3572]);
/** A deadlock rolls the whole transaction back, and a lock wait time-out does so when it is configured to. */
const TRANSACTION_ENDS = new Set<unknown>([1205, 1213]);
const DUPLICATE_ENTRY = 1062;
/** Data, integrity, and what triggers signal. */
const ROW_ERROR_CLASSES = new Set(['22', '23', '45']);
/** Row too large, packet too large, invalid character string, wrong value for a column. */
const ROW_ERRORS = new Set<unknown>([1118, 1153, 1300, 1366]);

export function isMysqlConflict(error: unknown): boolean {
  return CONFLICTS.has(driverErrorOf(error).errno);
}

export function isMysqlTransactionEnd(error: unknown): boolean {
  return TRANSACTION_ENDS.has(driverErrorOf(error).errno);
}

export function isMysqlTransientError(error: unknown): boolean {
  return TRANSIENT_ERRORS.has(driverErrorOf(error).errno);
}

export function isMysqlDuplicateEntry(error: unknown): boolean {
  return driverErrorOf(error).errno === DUPLICATE_ENTRY;
}

export function isMysqlRowError(error: unknown): boolean {
  const { errno, sqlState } = driverErrorOf(error);
  return (
    ROW_ERRORS.has(errno) || (typeof sqlState === 'string' && ROW_ERROR_CLASSES.has(sqlState.slice(0, 2)))
  );
}
