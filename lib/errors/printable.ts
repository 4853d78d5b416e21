/**
 * What could end a line, move the cursor of a terminal, turn the order of a text around, or not be seen at all: control characters, line
 * separators, format characters, fillers, variation selectors, the empty pattern of braille and halves of characters. The two joiners stay, and so does the
 * selector of colour behind a pictograph: words and emoji of many languages need them.
 */
const UNPRINTABLE =
  /(?![\u200c\u200d]|(?<=\p{Extended_Pictographic})\ufe0f)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What a cut leaves of a text before and after the cut: messages end with what to do. */
const HEAD_SHARE = 0.75;
const CUT = ' … ';

/** User and password of a URL. A password with a slash in it should be encoded, and often is not; behind a port a slash begins the path. */
const USER_INFO = /\/\/(?:[^/\s'"]*|[^/\s'":]*:(?!\d{1,5}\/)[^\s'"]{0,1000})@/g;

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

/** JSON that says the same, as far as it can be seen: on a terminal, nothing in it does anything. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) =>
    character === '\n'
      ? character
      : Array.from({ length: character.length }, (_, at) => unitOf(character, at)).join(''),
  );
}

function unitOf(text: string, at: number): string {
  return `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
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
