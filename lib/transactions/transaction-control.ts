/**
 * Statements that may end a transaction, or part of it, behind TypeORM's back: raw transaction control, and
 * on MySQL and MariaDB everything that commits implicitly. A needless match costs one look-up of a job,
 * a missed one could run a job whose transaction is gone, so the list is generous.
 */
const CONTROL =
  /^(?:begin|start|commit|rollback|abort|end|savepoint|release|prepare|xa|set\s+(?:autocommit|@@|session|transaction)|create|alter|drop|truncate|rename|lock|unlock|grant|revoke|analyze|optimize|repair|call|do|execute|load)\b/i;
const LATER_CONTROL = /;\s*(?:begin|start\s+transaction|commit|rollback|abort|end)\b/i;
const LEADING_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;

export function mayEndTransaction(sql: string): boolean {
  const statement = sql.replace(LEADING_COMMENTS, '');
  return CONTROL.test(statement) || (statement.includes(';') && LATER_CONTROL.test(statement));
}

/**
 * Errors after which the server has rolled the whole transaction back while later statements autocommit:
 * MySQL and MariaDB do so after a deadlock (1213), and after a lock time-out (1205) when so configured.
 */
const ENDING_ERRNOS = new Set([1205, 1213]);

export function endedByError(error: unknown): boolean {
  const errno = driverError(error)?.errno;
  return typeof errno === 'number' && ENDING_ERRNOS.has(errno);
}

/**
 * Whether an error that COMMIT met proves that nothing was committed: the server itself refused it (a
 * deferred constraint, a serialization failure). Lost connections and shutdowns prove nothing.
 */
export function refusedCommit(type: string, error: unknown): boolean {
  const code = driverError(error)?.code;
  if (type !== 'postgres' || typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return false;
  return !/^(?:08|57|58|XX|F0)/.test(code);
}

function driverError(error: unknown): { code?: unknown; errno?: unknown } | undefined {
  const wrapped = error as { driverError?: object; code?: unknown; errno?: unknown } | undefined;
  return (wrapped?.driverError ?? wrapped) as { code?: unknown; errno?: unknown } | undefined;
}
