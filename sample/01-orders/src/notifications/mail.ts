/** A message in plain text to one person. */
export interface Mail {
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const SENDER = '"Fern and Ladle" <orders@shop.example.com>';
const DOMAIN = 'shop.example.com';

/** The message in the format of RFC 5322. Mail servers and clients recognize a repeated message by its id. */
export function formatMail(mail: Mail, id: string, date: Date): string {
  const lines = [
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `From: ${SENDER}`,
    `To: ${displayName(mail.to.name)} <${mail.to.address}>`,
    `Subject: ${encoded(mail.subject)}`,
    `Message-ID: <${id}@${DOMAIN}>`,
    ...Object.entries(mail.headers ?? {}).map(([name, value]) => `${name}: ${encoded(value)}`),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    ...mail.text.split('\n'),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function displayName(name: string): string {
  return isPrintable(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encoded(name);
}

/** Header values are ASCII. Everything else, including line breaks, is written as encoded words (RFC 2047). */
function encoded(value: string): string {
  if (isPrintable(value)) return value;
  const words: string[] = [];
  let word = '';
  for (const character of value) {
    // An encoded word has at most 75 characters, including 12 of delimiters.
    if (Buffer.byteLength(word + character) > 45) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`).join('\r\n ');
}

function isPrintable(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value);
}
