import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestDatabase } from './database.js';
import type { DtmServer } from './dtm/dtm-server.js';
import type { Databases } from './placements.js';

/** All that databases and DTM hold, as one text: files where there are files, else every row of every table. */
export async function everythingStored({ business, store, dtm }: Databases): Promise<string> {
  const databases = await Promise.all([...new Set([business, store])].map(bytesOf));
  return [...databases, dtm ? bytesOfDtm(dtm) : ''].join('\n');
}

async function bytesOf(database: TestDatabase): Promise<string> {
  if (database.backend === 'sqlite') {
    return ['', '-wal'].map((suffix) => readIfThere(database.url + suffix)).join('\n');
  }
  const names =
    database.backend === 'postgres'
      ? database.query<{ name: string }>('SELECT tablename AS name FROM pg_tables WHERE schemaname = $1', [
          database.schema,
        ])
      : database.query<{ name: string }>(
          'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
        );
  const quote = database.backend === 'postgres' ? '"' : '`';
  const rows = await Promise.all(
    (await names).map(({ name }) => database.query(`SELECT * FROM ${quote}${name}${quote}`)),
  );
  return JSON.stringify(rows);
}

/** DTM stores payloads as base64 in JSON. */
function bytesOfDtm({ folder, log }: DtmServer): string {
  if (folder === undefined) return log;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const text = files.map((file) => readIfThere(join(file.parentPath, file.name))).join('\n');
  const encoded = text.match(/[A-Za-z0-9+/]{16,}={0,2}/g) ?? [];
  return [text, log, ...encoded.map((part) => Buffer.from(part, 'base64').toString('latin1'))].join('\n');
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
}
