import { errorCodeOf, isReadOnlyServer, type DatabaseErrors } from '../driver-errors.js';

/** Serialization failure, deadlock, lock not available. */
const TRANSIENT_ERRORS = new Set(['40001', '40P01', '55P03']);
const SQL_STATE = /^[0-9A-Z]{5}$/;
/** Of the host, though it looks like a state. */
const BROKEN_PIPE = 'EPIPE';
const UNIQUE_VIOLATION = '23505';
/** Undefined table, invalid schema name. */
const MISSING_TABLES = new Set(['42P01', '3F000']);
/** Lost connections, shutdowns, system and internal errors: the COMMIT may have been done. */
const UNCERTAIN_ERROR_CLASSES = new Set(['08', '57', '58', 'XX', 'F0']);
/** Cardinality, data, integrity and limit errors, and what triggers raise. */
const ROW_ERROR_CLASSES = new Set(['21', '22', '23', '44', '54', 'P0']);

export const postgresErrors: DatabaseErrors = {
  isTransient: (error) => TRANSIENT_ERRORS.has(errorCodeOf(error)),
  isUniqueViolation: (error) => errorCodeOf(error) === UNIQUE_VIOLATION,
  /** A deferred constraint or a serialization failure, for example. */
  isRefusedCommit: (error) => {
    const state = errorCodeOf(error);
    return SQL_STATE.test(state) && !UNCERTAIN_ERROR_CLASSES.has(state.slice(0, 2));
  },
  endsTransaction: () => false,
  spoilsConnection: (error) => {
    const state = errorCodeOf(error);
    return isReadOnlyServer(error) || state === BROKEN_PIPE || !SQL_STATE.test(state);
  },
  isReadOnly: isReadOnlyServer,
  isRowError: (error) => ROW_ERROR_CLASSES.has(errorCodeOf(error).slice(0, 2)),
  isTableMissing: (error) => MISSING_TABLES.has(errorCodeOf(error)),
};
