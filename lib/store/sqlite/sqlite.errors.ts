import { errorCodeOf, type DatabaseErrors } from '../driver-errors.js';

/** A transaction that has read an old state can no longer write. Only a new transaction helps. */
export const BUSY_SNAPSHOT = 'SQLITE_BUSY_SNAPSHOT';
const UNIQUE_VIOLATIONS = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY']);

export const sqliteErrors: DatabaseErrors = {
  isTransient: (error) => /^SQLITE_(?:BUSY|LOCKED)/.test(errorCodeOf(error)),
  isUniqueViolation: (error) => UNIQUE_VIOLATIONS.has(errorCodeOf(error)),
  isRefusedCommit: () => false,
  endsTransaction: () => false,
  spoilsConnection: () => false,
  isReadOnly: () => false,
  isRowError: (error) => /^SQLITE_(?:CONSTRAINT|TOOBIG$|MISMATCH$)/.test(errorCodeOf(error)),
  isTableMissing: (error) => /no such table/.test(String(error)),
};
