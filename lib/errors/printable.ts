/**
 * What could end a line, move the cursor of a terminal, or turn the order of a text around: control characters, line
 * separators, invisible format characters and halves of characters. The two joiners stay: words and emoji of many languages need them.
 */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What a cut leaves of a text before and after the cut: messages end with what to do. */
const HEAD_SHARE = 0.75;
const CUT = ' … ';

/** User and password of a URL. */
const USER_INFO = /\/\/[^/\s'"]*@/g;

/** A text without the users and passwords of the URLs in it. */
export function withoutUserInfo(text: string): string {
  return text.replace(USER_INFO, '//');
}

/**
 * A text of at most `limit` characters in one line, which cannot pass for another line or for something else than it is.
 * Names, messages and gids may be anybody's.
 */
export function printable(text: string, limit: number): string {
  return cut(cut(text, limit).replace(UNPRINTABLE, escaped), limit);
}

function escaped(character: string): string {
  return ESCAPES[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const room = Math.max(limit - CUT.length, 0);
  const head = Math.ceil(room * HEAD_SHARE);
  return `${text.slice(0, head)}${CUT}${text.slice(text.length - (room - head))}`;
}
