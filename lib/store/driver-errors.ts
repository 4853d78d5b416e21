import { StatementTimeoutError, SteppingError, TransactionManagerUnavailableError } from '../errors/index.js';

/** What the errors of a database mean. Each database has one such table, in `<database>.errors.ts`. */
export interface DatabaseErrors {
  /** The same work may succeed in a moment: a deadlock, a lock time-out, a serialization failure. */
  isTransient(error: unknown): boolean;
  isUniqueViolation(error: unknown): boolean;
  /** A COMMIT met it, and it proves that nothing was committed. Lost connections prove nothing. */
  isRefusedCommit(error: unknown): boolean;
  /** The server has rolled the whole transaction back, and later statements autocommit. */
  endsTransaction(error: unknown): boolean;
  /**
   * The connection it came on must not be used again: nothing proves that the server still answers there, or it has
   * become read-only, after a failover.
   */
  spoilsConnection(error: unknown): boolean;
  /** The server takes no writes. It has done nothing, and another one may have taken its place. */
  isReadOnly(error: unknown): boolean;
  /** The values of one row caused it: the other rows of the batch can still be written. */
  isRowError(error: unknown): boolean;
  /** A table, or the schema around it, is not there. */
  isTableMissing(error: unknown): boolean;
}

/** The driver's own error, which TypeORM wraps in a `QueryFailedError`. */
export function driverErrorOf(error: unknown): { code?: unknown; errno?: unknown; sqlState?: unknown } {
  if (typeof error !== 'object' || error === null) return {};
  const { driverError } = error as { driverError?: unknown };
  return typeof driverError === 'object' && driverError !== null ? driverError : error;
}

/** The driver's error code, where it is a text. */
export function errorCodeOf(error: unknown): string {
  const { code } = driverErrorOf(error);
  return typeof code === 'string' ? code : '';
}

/** Of a server: connection exceptions, too many connections, shutdown and start. */
const OUTAGE_STATES = /^(?:08|53|57)/;

/** Of PostgreSQL. MySQL and MariaDB have the same state for transactions that the application declares read-only. */
const READ_ONLY_STATE = '25006';
/** `read_only` of MySQL and MariaDB, on its own or as a mode of the server. */
const READ_ONLY_ERRORS = new Set<unknown>([1290, 1836]);

/** See `DatabaseErrors.isReadOnly()`. */
export function isReadOnlyServer(error: unknown): boolean {
  return errorCodeOf(error) === READ_ONLY_STATE || READ_ONLY_ERRORS.has(driverErrorOf(error).errno);
}

/**
 * Whether a database was away or took no writes, by the error of `orUnavailable()`: any other answer of the server to a
 * statement is none.
 */
export function isOutage(error: unknown): boolean {
  if (error instanceof StatementTimeoutError) return true;
  if (!(error instanceof TransactionManagerUnavailableError) || error.cause instanceof TypeError)
    return false;
  if (isReadOnlyServer(error.cause)) return true;
  const { sqlState } = driverErrorOf(error.cause);
  const state = typeof sqlState === 'string' ? sqlState : errorCodeOf(error.cause);
  if (state.startsWith('SQLITE_')) return false;
  return OUTAGE_STATES.test(state) || state === 'EPIPE' || !/^[0-9A-Z]{5}$/.test(state);
}

/**
 * Runs `work`, and wraps every error that is not the library's own: `database` could not do its work, or has lost its
 * tables.
 */
export async function orUnavailable<T>(
  database: string,
  dialect: { lostTables(error: unknown): SteppingError | undefined },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SteppingError) throw error;
    const lost = dialect.lostTables(error);
    if (lost) throw lost;
    throw new TransactionManagerUnavailableError(database, { cause: error });
  }
}
