import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A message in an `.eml` file. */
export interface Email {
  readonly file: string;
  readonly orderNumber: string;
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The messages of a folder, in the order of the names of their files. */
export async function readEmails(folder: string): Promise<Email[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.eml')).toSorted();
  return Promise.all(files.map(async (file) => parse(file, await readFile(join(folder, file), 'utf8'))));
}

function parse(file: string, source: string): Email {
  const end = source.indexOf('\r\n\r\n');
  const headers = source.slice(0, end + 2).replace(/\r\n[ \t]+/g, ' ');
  const header = (name: string): string => new RegExp(`^${name}: (.*)\r$`, 'm').exec(headers)?.[1] ?? '';
  const to = header('To');
  return {
    file,
    orderNumber: header('X-Order-Number'),
    messageId: header('Message-ID'),
    to: /<([^>]*)>$/.exec(to)?.[1] ?? to,
    subject: header('Subject'),
    text: decode(source.slice(end + 4)),
  };
}

/** Quoted-printable (RFC 2045). */
function decode(body: string): string {
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
