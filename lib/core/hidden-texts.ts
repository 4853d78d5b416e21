import { lengthOfNames } from './secret-forms.js';

/** Stands for what is not shown. */
export const HIDDEN = '***';

/** Shorter ones are found in any text. */
const MIN_LENGTH = 4;
/** To look for more of them takes too long. */
const MAX_TEXTS = 1000;
/** So much of a longer one is hidden also where the rest is missing, and whatever the case: answers are cut, and rewritten. */
const BEGINNING = 12;

/** How JSON, JavaScript, URLs, forms and HTML write a character. */
const ESCAPE =
  /\\+(?:u(?<unit>[\da-f]{4})|x(?<byte>[\da-f]{2})|(?<sign>[^\\]))|%(?:25)*(?<octet>[\da-f]{2})|&(?:amp;)*(?:#x(?<hex>[\da-f]{1,6})|#(?<decimal>\d{1,7})|(?<entity>[a-z]{2,16}));|(?<plus>\+)/iy;
const FIRST_OF_ESCAPE = '\\%&+';
/** The names that HTML has for the signs of ASCII. */
const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '!': 'excl',
    '"': 'quot',
    '#': 'num',
    $: 'dollar',
    '%': 'percnt',
    '&': 'amp',
    "'": 'apos',
    '(': 'lpar',
    ')': 'rpar',
    '*': 'ast midast',
    '+': 'plus',
    ',': 'comma',
    '.': 'period',
    '/': 'sol',
    ':': 'colon',
    ';': 'semi',
    '<': 'lt',
    '=': 'equals',
    '>': 'gt',
    '?': 'quest',
    '@': 'commat',
    '[': 'lsqb lbrack',
    '\\': 'bsol',
    ']': 'rsqb rbrack',
    '^': 'hat',
    _: 'lowbar underbar',
    '`': 'grave diacriticalgrave',
    '{': 'lcub lbrace',
    '|': 'verbar vert verticalline',
    '}': 'rcub rbrace',
  }).flatMap(([sign, names]) => names.split(' ').map((name) => [name, sign] as const)),
);

/** The first `limit` characters of a text that somebody else wrote, without what it repeats of these: as they are, escaped, or cut. */
export function withoutTexts(text: string, hidden: readonly string[], limit: number): string {
  const parts = hidden.filter(({ length }) => length >= MIN_LENGTH);
  if (parts.length > MAX_TEXTS) return HIDDEN;
  let shown = '';
  for (let at = 0; at < text.length && shown.length < limit;) {
    const end = Math.max(at, ...parts.map((part) => endOf(part, text, at)));
    shown += end === at ? text[at] : HIDDEN;
    at = Math.max(end, at + 1);
  }
  return shown.slice(0, limit);
}

/** Where the part ends that begins there; `from` where none does. */
function endOf(part: string, text: string, from: number): number {
  const isLong = part.length >= BEGINNING;
  let at = from;
  let length = 0;
  while (length < part.length && at < text.length) {
    const character = part[length]!;
    const escape = endOfEscape(character, text, at);
    if (escape === at && !isSame(character, text[at]!, isLong)) break;
    at = Math.max(escape, at + 1);
    length += 1;
  }
  if (length < MIN_LENGTH) return from;
  if (length === part.length) return at;
  const isCut = length >= BEGINNING || at === text.length;
  return isCut && length >= lengthOfNames(part) + MIN_LENGTH ? at : from;
}

function isSame(left: string, right: string, ignoresCase: boolean): boolean {
  return left === right || (ignoresCase && left.toLowerCase() === right.toLowerCase());
}

/** Where the escape ends that stands for this character; `at` for anything else. */
function endOfEscape(character: string, text: string, at: number): number {
  if (!FIRST_OF_ESCAPE.includes(text[at]!)) return at;
  ESCAPE.lastIndex = at;
  const groups = ESCAPE.exec(text)?.groups;
  return groups && characterOf(groups) === character ? ESCAPE.lastIndex : at;
}

function characterOf(groups: Readonly<Record<string, string | undefined>>): string | undefined {
  const { unit, byte, octet, hex, decimal, entity, plus, sign } = groups;
  const digits = unit ?? byte ?? octet ?? hex;
  if (digits !== undefined) return String.fromCharCode(Number.parseInt(digits, 16));
  if (decimal !== undefined) return String.fromCharCode(Number(decimal));
  if (entity !== undefined) return ENTITIES.get(entity.toLowerCase());
  return plus === undefined ? sign : ' ';
}
