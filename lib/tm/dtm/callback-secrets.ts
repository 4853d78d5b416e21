import { InvalidOptionError } from '../../errors/index.js';
import { isPattern } from './text-pattern.js';

const MIN_LENGTH = 16;
const MIN_DISTINCT = 8;
/** What must be left of a secret when everybody's words are taken out of it. */
const MIN_OWN_LENGTH = 8;
const MIN_OWN_DISTINCT = 5;

/** Blanks, and characters that cannot be seen. */
const INVISIBLE = /[\p{White_Space}\p{C}\p{Default_Ignorable_Code_Point}]/gu;
/**
 * A template that was not filled in, or was filled in with nothing. Most match a whole text: a random one of all characters of a keyboard
 * holds a `${` or a `%x%` now and then.
 */
const TEMPLATES = [
  /(?<![a-z0-9])(?:undefined|null)(?![a-z0-9])/i,
  /(?<![A-Za-z0-9])NaN(?![A-Za-z0-9])/,
  /\[object |process\.env/i,
  /\{\{[\s\w.$|'"-]+\}\}|<%[\s\w.='"[\]-]{8,}%>/,
  /\$\{(?:[A-Z_]{6,}|[a-z_.]{6,})[^{}]*\}/,
  /^\$\{[\w\s.:?-]+\}$/,
  /^%\w+%$|^<[\w\s.:-]+>$/,
  /^\$\(?(?:[A-Z0-9_]+|[a-z0-9_]+)\)?$/,
];
/** What was to be run: a command with an option, a path or a pipe, also within `$(...)` and backticks, and code. */
const COMMANDS = [
  /\w\s+(?:--?[a-z]|(?:~|\.\.?)?\/\w|[|<>&]+\s)/i,
  /(?:\$\(|`)\w+\s.*[)`]/s,
  /^`[\w\s./:-]+`$/,
  /[a-z]{4,}\.[a-z]{4}\w*\(/,
];
/** A URL, a host with its port, a path. A random text in base64 may begin with a slash; it has capitals then. */
const ADDRESSES = [
  /^[a-z]{2}[a-z0-9+.-]*:\/\//,
  /^[a-z][a-z0-9.-]*:\d{2,5}(?:\/.*)?$/,
  /^(?:~|\.\.?)?(?:\/[A-Z]?[a-z0-9._-]+)+\/?$/,
  /^[a-z]:(?:\\[\w. -]+)+$/i,
];
/** What stands between words. */
const SEPARATORS = /[\s\p{Pd}_.:,;/]+/gu;
/** Secrets that everybody knows: those of documentations, this one's among them. */
const PUBLISHED = /only for development|a secret from wherever yours are|correct horse battery/;
/** Words of placeholders, and rows of keys, the longer ones first. */
const WORDS = `
  development placeholder passphrase production undefined callbacks wherever changeme password callback replaced
  testing replace stepping changed example default nestjs secret sample change insert should please string object
  signing qwerty asdfgh zxcvbn qazwsx edcrfv
  letme login admin dummy token local tests value super never there where these those yours sign from test
  prod your that this here with pass null only todo none must demo very keys foo bar baz key dtm env for the not
  now nan dev put use set any are and my me is it in of be to do an a`;
/** How letters are disguised; in short words it may be chance. */
const DISGUISES: Readonly<Record<string, string>> = {
  a: '[a4@]',
  e: '[e3]',
  i: '[i1!]',
  l: '[l1]',
  o: '[o0]',
  s: '[s5$]',
  t: '[t7]',
};
const MIN_DISGUISED = 5;
const PLACEHOLDERS = new RegExp(
  WORDS.trim()
    .split(/\s+/)
    .map((word) =>
      word.length < MIN_DISGUISED ? word : word.replace(/./g, (letter) => DISGUISES[letter] ?? letter),
    )
    .join('|'),
  'g',
);

/**
 * Reads the secrets that callbacks are signed with. A weak one is as good as none: whoever has one signature can try
 * secrets without end.
 *
 * @throws InvalidOptionError, which does not show the value.
 */
export function readSecrets(value: unknown, option: string): readonly string[] {
  if (value === undefined) return [];
  const list: unknown[] = [value].flat();
  const problem =
    list.length === 0 ? 'there are none' : list.map(weaknessOf).find((found) => found !== undefined);
  if (problem === undefined) return list as string[];
  throw new InvalidOptionError(
    option,
    undefined,
    'random texts of 16 characters or more',
    `Invalid option '${option}': ${problem}. Make one with 'openssl rand -base64 32', keep it where your other ` +
      'secrets are, and write no default for it.',
  );
}

/** What makes a secret easy to guess; undefined for one that is not. */
export function weaknessOf(secret: unknown): string | undefined {
  if (typeof secret !== 'string') return 'a secret is no text';
  const visible = secret.replace(INVISIBLE, '');
  if (Array.from(visible).length < MIN_LENGTH)
    return `a secret has less than ${MIN_LENGTH} characters that can be seen`;
  const text = visible.toLowerCase();
  if (new Set(text).size < MIN_DISTINCT) return 'a secret has too few different characters';
  if (TEMPLATES.some((template) => template.test(secret.trim())))
    return 'a secret looks like a template that was not filled in';
  if (COMMANDS.some((command) => command.test(secret))) return 'a secret is a command, not what it prints';
  if (ADDRESSES.some((address) => address.test(secret.trim()))) return 'a secret is an address or a path';
  const plain = secret.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');
  // Signs are a part of it, unless words are parted by them: of a random text many characters may be signs.
  const core = text.replace(SEPARATORS, '');
  if (PUBLISHED.test(plain)) return 'a secret is one that everybody knows';
  if (isPattern(core)) return 'a secret repeats itself, or is a sequence';
  const own = core.replace(PLACEHOLDERS, '');
  if (own.length < MIN_OWN_LENGTH || new Set(own).size < MIN_OWN_DISTINCT || isPattern(own)) {
    return 'a secret looks like a placeholder';
  }
  return undefined;
}
