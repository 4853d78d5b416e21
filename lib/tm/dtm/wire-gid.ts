/** The form of the library's own gids: fixed length, lower case. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const WIRE = /^\((.*)\)$/s;

/**
 * The gid under which DTM knows a job: the job's own, when it is a UUID in lower case; otherwise it is put in
 * parentheses, with `!` before each letter that was upper case: `Order-7` becomes `(!order-7)`.
 *
 * DTM accepts any text, but its stores do not. With boltdb a job vanishes when another gid continues its own with
 * `-`, `.` or a digit, and MySQL's default collation treats `a` and `A` as equal. So no wire gid is a prefix of
 * another, and no two differ in case alone. A gid contains neither parentheses nor `!`.
 */
export function toWireGid(gid: string): string {
  if (UUID.test(gid)) return gid;
  return `(${gid.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)})`;
}

/** The reverse of `toWireGid()`. */
export function fromWireGid(wireGid: string): string {
  const inner = WIRE.exec(wireGid)?.[1];
  return inner === undefined ? wireGid : inner.replace(/!(.)/gs, (_, letter: string) => letter.toUpperCase());
}
