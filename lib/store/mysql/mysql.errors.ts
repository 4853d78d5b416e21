import { driverErrorOf, type DatabaseErrors } from '../driver-errors.js';

/**
 * Lock wait time-out, deadlock, MariaDB's "record has changed since last read", and what NOWAIT answers on MySQL; MariaDB
 * answers it with a lock wait time-out.
 */
const TRANSIENT_ERRORS = new Set<unknown>([1205, 1213, 1020, 3572]);
/** A deadlock rolls the whole transaction back. A lock wait time-out does so when the server is configured to. */
const TRANSACTION_ENDS = new Set<unknown>([1205, 1213]);
/** `read_only`, on its own or as a mode of the server. */
const READ_ONLY = new Set<unknown>([1290, 1836]);
const DUPLICATE_ENTRY = 1062;
const NO_SUCH_TABLE = 1146;
/** Data, integrity, and what triggers signal. */
const ROW_ERROR_CLASSES = new Set(['22', '23', '45']);
/** Row too large, packet too large, invalid character string, wrong value for a column. */
const ROW_ERRORS = new Set<unknown>([1118, 1153, 1300, 1366]);

export const mysqlErrors: DatabaseErrors = {
  isTransient: (error) => TRANSIENT_ERRORS.has(driverErrorOf(error).errno),
  isUniqueViolation: (error) => driverErrorOf(error).errno === DUPLICATE_ENTRY,
  isRefusedCommit: () => false,
  endsTransaction: (error) => TRANSACTION_ENDS.has(driverErrorOf(error).errno),
  spoilsConnection: (error) => {
    const { errno, sqlState } = driverErrorOf(error);
    return READ_ONLY.has(errno) || sqlState === undefined;
  },
  isRowError: (error) => {
    const { errno, sqlState } = driverErrorOf(error);
    return (
      ROW_ERRORS.has(errno) || (typeof sqlState === 'string' && ROW_ERROR_CLASSES.has(sqlState.slice(0, 2)))
    );
  },
  isTableMissing: (error) => driverErrorOf(error).errno === NO_SUCH_TABLE,
};
