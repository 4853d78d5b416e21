/**
 * Statements that may end a transaction, or part of it, without TypeORM: raw transaction control and, on MySQL and
 * MariaDB, everything that commits implicitly. The list is generous. A false match costs one look-up of a job; a missed
 * one could run a job whose transaction was rolled back. `DO` is not in it: inside a transaction, its code can end none.
 */
const CONTROL =
  /^(?:begin|start|commit|rollback|abort|end|savepoint|release|prepare|xa|set\s+(?:autocommit|@@|session|transaction)|create|alter|drop|truncate|rename|lock|unlock|grant|revoke|analyze|optimize|repair|call|execute|load)\b/i;
/** Behind a semicolon, which may stand in a text as well: `'Ring first; call me later'`. */
const LATER_CONTROL = /^(?:begin|start\s+transaction|commit|rollback|abort|end)\b/i;
/** MySQL and MariaDB know `#` as well, and execute what is inside of `/*!` and `/*M!`. */
const LEADING_COMMENTS = /^(?:\s|(?:--|#)[^\n\r]*(?:[\n\r]|$)|\/\*M?!\d*|\/\*[\s\S]*?\*\/)+/;

export function mayEndTransaction(sql: string): boolean {
  const statement = withoutComments(sql);
  return CONTROL.test(statement) || (statement.includes(';') && statement.split(';').slice(1).some(isLater));
}

/** A comment may have begun before the semicolon. */
function isLater(part: string): boolean {
  const behindComment = part.slice(part.lastIndexOf('*/') + 2);
  return LATER_CONTROL.test(withoutComments(part)) || LATER_CONTROL.test(withoutComments(behindComment));
}

function withoutComments(sql: string): string {
  return sql.replace(LEADING_COMMENTS, '');
}
