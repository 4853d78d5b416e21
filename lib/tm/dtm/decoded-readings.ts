/** Escapes in escapes are undone so many times. */
const MAX_DEPTH = 4;

/** As JSON, JavaScript, URLs, mail and HTML write characters; named ones of HTML, and those of white space, are nothing but signs. */
const ESCAPES =
  /\\+u\{(?<point>[\da-f]{1,6})\}|\\+u(?<unit>[\da-f]{4})|(?:\\+x|%(?:25)*|=)(?<byte>[\da-f]{2})|\\+(?<octal>[0-3][0-7]{2})|&#x(?<hex>[\da-f]{1,6});|&#(?<decimal>\d{1,7});|&\w{1,8};|\\+[bfnrt]/gi;

/** A text as it is, and as what it may stand for: with its escapes undone, and decoded from base64, hex and lists of bytes. */
export function decodedReadings(text: string): string[] {
  const plain = unescaped(text);
  const texts = text === plain ? [text] : [text, plain];
  // The bytes of a text in UTF-8 may each be written as one character.
  return [...texts, Buffer.from(plain, 'latin1').toString(), ...texts.flatMap(decoded)];
}

function unescaped(text: string): string {
  let plain = text;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const before = plain;
    plain = plain.replace(ESCAPES, (...found) => characterOf(found.at(-1) as Groups));
    if (plain === before) break;
  }
  return plain;
}

type Groups = Readonly<Record<string, string | undefined>>;

function characterOf({ point, unit, byte, octal, hex, decimal }: Groups): string {
  const [digits, radix] =
    octal !== undefined
      ? [octal, 8]
      : decimal !== undefined
        ? [decimal, 10]
        : [point ?? unit ?? byte ?? hex, 16];
  const code = digits === undefined ? Number.NaN : Number.parseInt(digits, radix);
  return code <= 0x10ffff ? String.fromCodePoint(code) : ' ';
}

/** Where an encoded part begins is not known, so each place in its group of digits is tried. */
function decoded(text: string): string[] {
  const base64 = text.replace(/[^\w+/-]+/g, '');
  const hex = text.replace(/0x|[^\da-f]+/gi, '');
  const bytes = text.match(/\d{1,3}/g)?.map(Number) ?? [];
  return [
    ...[0, 1, 2, 3].map((from) => Buffer.from(base64.slice(from), 'base64')),
    ...[0, 1].map((from) => Buffer.from(hex.slice(from), 'hex')),
    Buffer.from(bytes),
  ].map((buffer) => buffer.toString());
}
