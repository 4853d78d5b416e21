import { InvalidOptionError } from '../../errors/index.js';

const MIN_LENGTH = 16;
const MIN_DISTINCT = 8;
/** What must be left of a secret when everybody's words are taken out of it. */
const MIN_OWN_LENGTH = 8;
const MIN_OWN_DISTINCT = 5;

/** From this length on, chance makes half of the characters neighbours: of one in 90,000 random UUIDs. */
const LONG = 24;

/** Blanks, and characters that cannot be seen. */
const INVISIBLE = /[\p{White_Space}\p{C}\p{Default_Ignorable_Code_Point}]/gu;
/** A template that was not filled in, or was filled in with nothing. */
const TEMPLATES = [
  /(?<![a-z0-9])(?:undefined|null|nan)(?![a-z0-9])/i,
  /\[object |process\.env|\$\{|\{\{|<[a-z _-]{3,}>|%[a-z_]{3,}%/i,
  /\$\(?[A-Z][A-Z_]{3,}/,
];
/** Secrets that everybody knows: those of documentations, this one's among them, and rows of keys. */
const PUBLISHED =
  /only for development|a secret from wherever yours are|qwert|asdfg|zxcvb|correct horse battery/;
/** Words of placeholders, the longer ones first. */
const WORDS = `
  development placeholder passphrase production undefined callbacks wherever changeme password callback replaced
  testing replace stepping changed example default nestjs secret sample change insert should please string object
  signing letme login admin dummy token local tests value super never there where these those yours sign from test
  prod your that this here with pass null only todo none must demo very keys foo bar baz key dtm env for the not
  now nan dev put use set any are and my me is it in of be to do an a`;
const PLACEHOLDERS = new RegExp(WORDS.trim().split(/\s+/).join('|'), 'g');

/**
 * Reads the secrets that callbacks are signed with. A weak one is as good as none: whoever has one signature can try
 * secrets for as long as he likes.
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
  if (TEMPLATES.some((template) => template.test(secret)))
    return 'a secret looks like a template that was not filled in';
  const plain = secret.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');
  const core = plain.replaceAll(' ', '');
  if (PUBLISHED.test(plain)) return 'a secret is one that everybody knows';
  if (isPattern(core)) return 'a secret repeats itself, or is a sequence';
  const own = core.replace(PLACEHOLDERS, '');
  if (own.length < MIN_OWN_LENGTH || new Set(own).size < MIN_OWN_DISTINCT || isPattern(own)) {
    return 'a secret looks like a placeholder';
  }
  return undefined;
}

/** Whether a text repeats a shorter one, or counts up or down. */
function isPattern(text: string): boolean {
  const period = Array.from({ length: text.length }, (_, at) => at + 1).find((length) =>
    text.startsWith(text.slice(length)),
  );
  if (period !== undefined && period <= text.length / 2 + 2 && period < MIN_LENGTH) return true;
  let steps = 0;
  for (let at = 1; at < text.length; at++) {
    if (Math.abs(text.charCodeAt(at) - text.charCodeAt(at - 1)) <= 1) steps += 1;
  }
  return steps > text.length * (text.length < LONG ? 1 / 2 : 2 / 3);
}
