import { unescape } from 'node:querystring';

/** Of a part of a value. Shorter ones are more often settings than secrets, and would blank out words of an answer. */
const MIN_PART_LENGTH = 6;
/** A URL in the query of another is encoded twice. */
const MAX_DECODINGS = 2;

/** `Bearer ` in `Bearer x`. */
const SCHEME = /^[a-z][a-z-]*\s+/i;
/** `token=` in `token=x`, but not the padding of base64. */
const NAME = /^[\w.-]+=(?!=*$)/;
const PAIRS = /[\s,;&?#]+/;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const QUOTES = /^["']|["']$/g;
/** Base64, hexadecimal numbers and UUIDs stay in one piece, apart from slashes. */
const SIGNS = /[^\p{L}\p{N}_+~-]+/u;
const ESCAPE = /[%+\\]/;

/**
 * A value that holds a secret, and what others may take it apart into: without its scheme; user and password of Basic; the values of parameters;
 * whatever stands between two signs and has six characters or more. Each is there as it is written, and decoded. The names of schemes and
 * parameters are not: they are everybody's words.
 */
export function formsOf(value: string): string[] {
  const credential = value.replace(SCHEME, '');
  const pair = /^basic\s/i.test(value) ? Buffer.from(credential, 'base64').toString() : '';
  const wholes = [credential, pair, pair.slice(pair.indexOf(':') + 1)].flatMap((each) => decoded(each));
  const parts = new Set(wholes.flatMap(partsOf).filter(isLong));
  const others = [...parts].flatMap((each) => decoded(each)).filter(isLong);
  return [...new Set([...decoded(value), ...wholes, ...others])];
}

/** How much of the beginning of such a text is no secret: the names of its scheme and of its first parameter. */
export function lengthOfNames(text: string): number {
  const scheme = SCHEME.exec(text)?.[0].length ?? 0;
  return scheme + (NAME.exec(text.slice(scheme))?.[0].length ?? 0);
}

function partsOf(text: string): string[] {
  const pairs = text.split(PAIRS).map((pair) => pair.replace(NAME, ''));
  const values = [...pairs, ...(text.match(QUOTED) ?? [])].map((each) => each.replace(QUOTES, ''));
  return [
    text.replace(NAME, ''),
    ...values.flatMap((each) => [each, ...each.split(':'), ...each.split(SIGNS)]),
  ];
}

function isLong({ length }: string): boolean {
  return length >= MIN_PART_LENGTH;
}

/** The text, and what it says where a URL, a form or JSON has written it. */
function decoded(text: string, times = MAX_DECODINGS): string[] {
  if (!ESCAPE.test(text)) return [text];
  const read = [unescape(text), unescape(text.replaceAll('+', ' ')), withoutBackslashes(text)];
  const others = times === 0 ? [] : read.filter((each) => each !== text);
  return [text, ...others.flatMap((each) => decoded(each, times - 1))];
}

function withoutBackslashes(text: string): string {
  return text.replace(/\\(?:u([\da-f]{4})|(.))/gi, (_, unit: string | undefined, sign: string) =>
    unit === undefined ? sign : String.fromCharCode(Number.parseInt(unit, 16)),
  );
}
