import { driverErrorOf, isReadOnlyServer, type DatabaseErrors } from '../driver-errors.js';

/**
 * Lock wait time-out, deadlock, MariaDB's "record has changed since last read", and what NOWAIT answers on MySQL; MariaDB
 * answers it with a lock wait time-out.
 */
const TRANSIENT_ERRORS = new Set<unknown>([1205, 1213, 1020, 3572]);
/** What TiDB calls conflicts that it has given up on, and a table that changes meanwhile. */
const TIDB_TRANSIENT_ERRORS = new Set<unknown>([8002, 8022, 8028, 9007]);
/** It has no number of its own. */
const TIDB_RETRY_LIMIT = /pessimistic lock retry limit reached/;
/**
 * A deadlock, a full lock table and MariaDB's "record has changed since last read" roll the whole transaction back. A lock
 * wait time-out does so when the server is configured to.
 */
const TRANSACTION_ENDS = new Set<unknown>([1205, 1206, 1213, 1020]);
/** `SET TRANSACTION` on a connection that somebody gave back to the pool without ending their transaction. */
const LEFT_IN_TRANSACTION = 1568;
/** A node that has lost its cluster, or not joined it yet. */
const NODE_NOT_READY = 1047;
const DUPLICATE_ENTRY = 1062;
const UNKNOWN_ERROR = 1105;
const NO_SUCH_TABLE = 1146;
/** Data, integrity, and what triggers signal. */
const ROW_ERROR_CLASSES = new Set(['22', '23', '45']);
/** Row too large, packet too large, invalid character string, wrong value for a column. */
const ROW_ERRORS = new Set<unknown>([1118, 1153, 1300, 1366]);

export const mysqlErrors: DatabaseErrors = {
  isTransient: (error) => {
    const { errno } = driverErrorOf(error);
    return (
      TRANSIENT_ERRORS.has(errno) ||
      errno === LEFT_IN_TRANSACTION ||
      TIDB_TRANSIENT_ERRORS.has(errno) ||
      (errno === UNKNOWN_ERROR && TIDB_RETRY_LIMIT.test(String(error)))
    );
  },
  isUniqueViolation: (error) => driverErrorOf(error).errno === DUPLICATE_ENTRY,
  isRefusedCommit: () => false,
  endsTransaction: (error) => TRANSACTION_ENDS.has(driverErrorOf(error).errno),
  spoilsConnection: (error) => {
    const { errno, sqlState } = driverErrorOf(error);
    return (
      isReadOnlyServer(error) ||
      errno === NODE_NOT_READY ||
      errno === LEFT_IN_TRANSACTION ||
      sqlState === undefined
    );
  },
  isReadOnly: isReadOnlyServer,
  isRowError: (error) => {
    const { errno, sqlState } = driverErrorOf(error);
    return (
      ROW_ERRORS.has(errno) || (typeof sqlState === 'string' && ROW_ERROR_CLASSES.has(sqlState.slice(0, 2)))
    );
  },
  isTableMissing: (error) => driverErrorOf(error).errno === NO_SUCH_TABLE,
};
