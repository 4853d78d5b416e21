/**
 * Statements that may end a transaction, or part of it, without TypeORM: raw transaction control and, on MySQL and
 * MariaDB, everything that commits implicitly. The list is generous. A false match costs one look-up of a job; a missed
 * one could run a job whose transaction was rolled back. `DO` is not in it: inside a transaction, its code can end none.
 */
const CONTROL =
  /^(?:begin|start|commit|rollback|abort|end|savepoint|release|prepare|xa|set\s+(?:autocommit|@@|session|transaction)|create|alter|drop|truncate|rename|lock|unlock|grant|revoke|analyze|optimize|repair|call|execute|load)\b/i;
const LATER_CONTROL = /;\s*(?:begin|start\s+transaction|commit|rollback|abort|end)\b/i;
const LEADING_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;

export function mayEndTransaction(sql: string): boolean {
  const statement = sql.replace(LEADING_COMMENTS, '');
  return CONTROL.test(statement) || (statement.includes(';') && LATER_CONTROL.test(statement));
}
