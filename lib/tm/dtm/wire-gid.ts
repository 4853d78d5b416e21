/** What the library itself makes: fixed length, lower case. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const WIRE = /^\((.*)\)$/s;

/**
 * The gid under which DTM knows a job: the job's own, when it is a UUID in lower case; otherwise it is put in
 * parentheses, with `!` before each letter that was upper case: `Order-7` becomes `(!order-7)`.
 *
 * DTM takes any text, but its stores do not: with boltdb a job vanishes when another gid goes on from its own
 * with `-`, `.` or a digit, and MySQL's default collation takes `a` and `A` for the same. So no wire gid
 * is the beginning of another, and none differs in case alone. Parentheses and `!` are in no gid.
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
