import { isRecord } from '../options.js';

/** What a codec made of a text, as it is stored: with the tenant that its context had. */
export interface EncodedText {
  readonly text: string;
  readonly tenant?: string;
}

/** Arguments are marked by an object with one key, errors by a prefix. */
const ENCODED = 'stepping:encoded';
const PLAIN = 'stepping:plain';
const MARK = 'stepping:';
const MARKED_JSON = `{"${MARK}`;
/** How encoded arguments begin, and how encoded errors do. */
export const ENCODED_ARGS = `{"${ENCODED}":`;
export const ENCODED_ERROR = `${ENCODED}:`;
const NOT_ASCII = /[\u007f-\uffff]/g;

/** Encoded arguments, as JSON. */
export function encodedArgs(encoded: EncodedText): string {
  return `${ENCODED_ARGS}${jsonOf(encoded)}}`;
}

/** Arguments that are stored as they are. Those that look like a mark are marked themselves. */
export function plainArgs(json: string): string {
  return json.startsWith(MARKED_JSON) ? `{"${PLAIN}":${json}}` : json;
}

/** Whether stored arguments are anything but the arguments themselves. */
export function isMarked(stored: unknown): stored is object {
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) return false;
  // Asked for every attempt: most arguments are known by their first key.
  for (const key in stored) {
    return (key === ENCODED || key === PLAIN) && Object.keys(stored).length === 1;
  }
  return false;
}

/** What is encoded in stored arguments; undefined where nothing is. */
export function encodedIn(stored: unknown): EncodedText | undefined {
  return isMarked(stored) ? encodedOf((stored as Record<string, unknown>)[ENCODED]) : undefined;
}

/** Arguments that are stored without a codec. */
export function plainIn(stored: unknown): unknown {
  return isMarkedPlain(stored) ? stored[PLAIN] : stored;
}

/** Whether stored arguments were encoded, whatever has become of them. */
export function isEncoded(stored: unknown): boolean {
  return isMarked(stored) && !isMarkedPlain(stored);
}

function isMarkedPlain(stored: unknown): stored is { readonly [PLAIN]: unknown } {
  return isMarked(stored) && PLAIN in stored;
}

/** The encoded text of an error, in ASCII: whatever the encoding of a database is, it is not refused. */
export function encodedError(encoded: EncodedText): string {
  const json = jsonOf(encoded).replace(
    NOT_ASCII,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return ENCODED_ERROR + json;
}

/** The text of an error that is stored as it is. */
export function plainError(text: string): string {
  return text.startsWith(MARK) ? `${PLAIN}:${text}` : text;
}

export function isEncodedError(stored: string): boolean {
  return stored.startsWith(ENCODED_ERROR);
}

/** What is encoded in the text of an error; undefined where it is damaged. */
export function encodedInError(stored: string): EncodedText | undefined {
  try {
    return encodedOf(JSON.parse(stored.slice(ENCODED_ERROR.length)));
  } catch {
    return undefined;
  }
}

/** The text of an error that is stored without a codec. */
export function plainInError(stored: string): string {
  return stored.startsWith(`${PLAIN}:`) ? stored.slice(PLAIN.length + 1) : stored;
}

function jsonOf({ text, tenant }: EncodedText): string {
  return JSON.stringify(tenant === undefined ? text : { text, tenant });
}

function encodedOf(value: unknown): EncodedText | undefined {
  if (typeof value === 'string') return { text: value };
  if (!isRecord(value) || typeof value.text !== 'string' || typeof value.tenant !== 'string')
    return undefined;
  return { text: value.text, tenant: value.tenant };
}
