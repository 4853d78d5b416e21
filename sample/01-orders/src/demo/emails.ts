import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A message in the outbox. */
export interface Email {
  readonly file: string;
  readonly orderNumber: string;
  readonly messageId: string;
  readonly to: string;
  readonly text: string;
  /** Changes when the file is written again. */
  readonly writtenAt: number;
}

export async function readEmails(outbox: string): Promise<Email[]> {
  const files = (await readdir(outbox)).filter((file) => file.endsWith('.eml'));
  return Promise.all(files.map((file) => readEmail(join(outbox, file), file)));
}

async function readEmail(path: string, file: string): Promise<Email> {
  const [source, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
  const end = source.indexOf('\r\n\r\n');
  const header = (name: string): string =>
    new RegExp(`^${name}: (.*)\r$`, 'm').exec(source.slice(0, end + 2))?.[1] ?? '';
  return {
    file,
    orderNumber: header('X-Order-Number'),
    messageId: header('Message-ID'),
    to: /<([^>]*)>$/.exec(header('To'))?.[1] ?? '',
    text: source.slice(end + 4),
    writtenAt: mtimeMs,
  };
}
