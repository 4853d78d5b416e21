/** What is shown in place of a value that stays in the process. */
export const MASK = '••••••';

// Every repetition below is bounded, or cannot begin twice in the same run of characters: texts may be long, and anybody's.

/** What may hold a secret at all. */
const SUSPECT = /[:=<：＝]|%3[ad]|\b(?:bearer|basic)\s|Duplicate entry|--\w/i;
/** A key in quotes, which may be escaped, or a word, and what separates it from its value. */
const KEY =
  /(?<!\\)(?<quote>\\{0,31}["'`])(?<quoted>[^"'`\\\n]{1,200})\k<quote>\s*(?:=>|:=|[:=：＝])\s*|(?<![\p{L}\p{M}\p{N}\p{Join_Control}_$@%.[\]-])(?<word>[\p{L}\p{M}\p{N}\p{Join_Control}_$@%.[\]-]{1,200})(?<separator>\s*(?:=>|:=|[:=：＝])\s*)/gu;
/** What follows the name of a secret, as in `card number: …`. */
const NOUN = /^(?:code|data|hash|id|key|no|number|phrase|string|value)$/i;
/** A word before another one. */
const BEFORE = /(?<word>[\p{L}\p{M}\p{N}_-]{1,100})[ \t+]{1,3}$/u;
const MAX_BEFORE = 103;
/** The start of a value in quotes. */
const OPENING = /\\{0,31}["'`]/y;
/** What divides a value without quotes from the next one. */
const DIVIDER = String.raw`(?![,;](?:\s|$|\\{0,31}["'\x60]|[\p{L}\p{M}\p{N}_$.\-]{1,200}\s?[:=：＝]))`;
/** Brackets and quotes that are not part of it. */
const CLOSER = String.raw`(?![)}\]>"'\x60]{1,8}(?:[\s,;.:)}\]>"'\x60]|$))`;
/** A value without quotes behind `=` ends at a space, or at `&`. */
const WORD = new RegExp(`(?:${DIVIDER}${CLOSER}[^\\s&])+`, 'uy');
/** Behind `:` it may be several words, as in headers and sentences. */
const LINE = new RegExp(`(?:${DIVIDER}${CLOSER}[^\\n])+`, 'uy');
/** A value of the header `Authorization`: all of the line belongs to it. */
const SCHEME = /(?:basic|bearer|digest|negotiate|hawk|hmac|aws4-hmac-sha256)\s[^\n]*/iuy;
const ELEMENT =
  /(?<open><(?<name>[\w:.-]{1,200})(?:\s[^<>]*)?>)(?:<!\[CDATA\[[^\]]{0,1000}\]\]>|[^<]+)(?=<\/)/g;
const TOKEN = /\b(?<scheme>bearer|basic)\s+(?=[A-Za-z._~+/=-]{0,200}\d)[\w.~+/=-]{8,}/gi;
const CREDENTIALS = /(?<user>:\/\/[^\s:/@]*:)[^\s/]+(?=@)/g;
/** How PostgreSQL tells of values that cannot be: `Key (id, token)=(1, …) already exists.` */
const TUPLE = /(?<open>\((?<names>[^()]{1,500})\){1,8}=\()[^\n]*?(?=\)(?:[\s.]|$)|\n|$)/g;
/** And how MySQL does. */
const DUPLICATE = /(?<open>Duplicate entry ')[^\n]{0,1000}?(?<close>' for key '(?<name>[^'\n]{1,200})')/g;
/** Of a command line: `--password …`. */
const FLAG = /(?<open>(?<![\w-])--(?<name>[\w-]{1,100})[ \t]{1,3})(?![-•])\S+/g;
/** A part of a URL. */
const URL_PART = /[^\s"'`<>&=?;,/:]+/g;
const ENCODED = /%(?:3[ad]|22)/i;
/** A URL in a parameter of a URL may have one in a parameter in turn. */
const MAX_ENCODINGS = 2;
/** Long texts of several lines are shown as several ones by `util.inspect`. */
const CONTINUATION = /\s{0,100}\+\s{1,100}(?=["'`])/y;
const SOURCE_FILE = /\.[cm]?[jt]sx?$/;
/** What is longer is not parsed. */
const MAX_JSON_LENGTH = 1_000_000;

/** What is to be masked. */
interface Hiding {
  /** Whether the values of a key are. */
  hides(key: string): boolean;
  /** A value without them. */
  value(value: unknown): unknown;
}

/** A text without what stands after keys that the mask hides. */
export function maskedText(text: string, mask: Hiding): string {
  if (!SUSPECT.test(text)) return text;
  return maskedJson(text, mask) ?? maskedWords(text, mask);
}

/** A text that is JSON as a whole is masked as what it says: its keys may be written with escapes. Undefined where that hides nothing. */
function maskedJson(text: string, mask: Hiding): string | undefined {
  if (!/^\s*[[{]/.test(text) || text.length > MAX_JSON_LENGTH) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const json = JSON.stringify(value);
    const masked = JSON.stringify(mask.value(value));
    return masked === json ? undefined : masked;
  } catch {
    return undefined;
  }
}

function maskedWords(text: string, mask: Hiding, encodings = MAX_ENCODINGS): string {
  let shown = '';
  let done = 0;
  KEY.lastIndex = 0;
  for (let match = KEY.exec(text); match; match = KEY.exec(text)) {
    const { quoted, word, separator } = match.groups!;
    const start = KEY.lastIndex;
    // The value may be a key in turn: `error: password=x`.
    if (!hides(mask, quoted ?? word!) && !(word && isNounOf(mask, word, text, match.index))) continue;
    const isOpen = quoted === undefined && !/[=＝]/.test(separator!);
    const value = valueAt(text, start, isOpen);
    shown += text.slice(done, start) + value.shown;
    done = value.end;
    KEY.lastIndex = done;
  }
  return maskedEncoded(maskedForms(shown + text.slice(done), mask), mask, encodings);
}

/** A pattern may mean the whole key or the last part of it: `user.pin`, `card[cvc]`. A file of a stack, `token.js:7`, is no key. */
function hides(mask: Hiding, key: string): boolean {
  if (SOURCE_FILE.test(key)) return false;
  const last = key.split(/[.[\]]+|%5[bd]/i).findLast((part) => part !== '');
  return mask.hides(key) || (last !== undefined && mask.hides(last));
}

/** Whether it is the second word of a key: `card number`. */
function isNounOf(mask: Hiding, noun: string, text: string, start: number): boolean {
  if (!NOUN.test(noun)) return false;
  const before = BEFORE.exec(text.slice(Math.max(0, start - MAX_BEFORE), start))?.groups!['word'];
  return before !== undefined && mask.hides(before);
}

/** What is shown of the value that starts there, and where it ends. */
function valueAt(
  text: string,
  start: number,
  isLine: boolean,
): { readonly shown: string; readonly end: number } {
  const opening = matchAt(OPENING, text, start);
  if (opening !== undefined) {
    let end = endOfQuoted(text, start + opening.length, opening);
    for (let next = continued(text, end, opening); next !== undefined; next = continued(text, end, opening)) {
      end = endOfQuoted(text, next, opening);
    }
    return { shown: opening + MASK + (end === text.length ? '' : opening), end: end + opening.length };
  }
  if (text[start] === '{' || text[start] === '[') return { shown: MASK, end: endOfBrackets(text, start) };
  const value = matchAt(SCHEME, text, start) ?? matchAt(isLine ? LINE : WORD, text, start);
  return value === undefined ? { shown: '', end: start } : { shown: MASK, end: start + value.length };
}

/** Where the text goes on that has ended there; undefined where it does not. */
function continued(text: string, end: number, quote: string): number | undefined {
  const from = end + quote.length;
  const sign = matchAt(CONTINUATION, text, from);
  if (sign === undefined || !text.startsWith(quote, from + sign.length)) return undefined;
  return from + sign.length + quote.length;
}

/** Where the closing quote stands: one with as many backslashes before it as the opening one has. */
function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % (2 * quote.length) === 0) return at;
  }
  return text.length;
}

/** Behind the bracket that closes the one there; the end of the text where none does. */
function endOfBrackets(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === '"') at = endOfQuoted(text, at + 1, '"');
    else if (character === '{' || character === '[') depth += 1;
    else if ((character === '}' || character === ']') && (depth -= 1) === 0) return at + 1;
  }
  return text.length;
}

/** Secrets that are known by their form. */
function maskedForms(text: string, mask: Hiding): string {
  let shown = text.replace(ELEMENT, (element, open: string, name: string) =>
    hides(mask, name) ? open + MASK : element,
  );
  shown = shown.replace(TUPLE, (tuple, open: string, names: string) =>
    names.split(/\W+/).some((name) => mask.hides(name)) ? open + MASK : tuple,
  );
  shown = shown.replace(DUPLICATE, (entry, open: string, close: string, name: string) =>
    hides(mask, name) ? open + MASK + close : entry,
  );
  shown = shown.replace(FLAG, (flag, open: string, name: string) => (hides(mask, name) ? open + MASK : flag));
  if (mask.hides('authorization')) shown = shown.replace(TOKEN, `$<scheme> ${MASK}`);
  if (mask.hides('password')) shown = shown.replace(CREDENTIALS, `$<user>${MASK}`);
  return shown;
}

/** Parts of a URL that hold another one, or JSON. */
function maskedEncoded(text: string, mask: Hiding, encodings: number): string {
  if (encodings === 0 || !ENCODED.test(text)) return text;
  return text.replace(URL_PART, (part) => {
    if (!ENCODED.test(part)) return part;
    const decoded = decodedPart(part);
    const masked = decoded === undefined ? decoded : maskedWords(decoded, mask, encodings - 1);
    if (masked === undefined || masked === decoded) return part;
    return masked.split(MASK).map(encodeURIComponent).join(MASK);
  });
}

function decodedPart(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
