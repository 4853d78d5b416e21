/**
 * Statements that may end a transaction, or part of it, without TypeORM: raw transaction control and, on MySQL and
 * MariaDB, everything that commits implicitly. The list is generous. A false match costs one look-up of a job; a missed
 * one could run a job whose transaction was rolled back. `DO` is not in it: inside a transaction, its code can end none.
 *
 * A statement may begin after a semicolon or a comment. The end of a comment is enough for that, since PostgreSQL nests
 * comments, and MySQL and MariaDB do not; these two know `#` as well, and execute what is inside of `/*!` and `/*M!`.
 */
const CONTROL =
  /(?:^|;|\*\/)(?:\s|(?:--|#)[^\n\r]*[\n\r]|\/\*M?!\d*)*(?:begin|start|commit|rollback|abort|end|savepoint|release|prepare|xa|set\s+(?:autocommit|@@|session|transaction)|create|alter|drop|truncate|rename|lock|unlock|grant|revoke|analyze|optimize|repair|call|execute|load)\b/i;

export function mayEndTransaction(sql: string): boolean {
  return CONTROL.test(sql);
}
