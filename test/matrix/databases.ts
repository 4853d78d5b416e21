import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';

/** A database of its own, in the words of TypeORM. */
export interface OwnDatabase {
  readonly options: Readonly<Record<string, unknown>>;
  drop(): Promise<void>;
}

/** A file in the folder, which is removed with it. */
export function sqliteFile(folder: string): OwnDatabase {
  const options = { type: 'better-sqlite3', database: join(folder, `${newName()}.db`), enableWAL: true };
  return { options, drop: () => Promise.resolve() };
}

/** A schema of the server of `DATABASE_URL`. */
export async function postgresSchema(): Promise<OwnDatabase> {
  const name = newName();
  await query(`CREATE SCHEMA ${name}`);
  return {
    options: { type: 'postgres', url: process.env.DATABASE_URL, schema: name },
    drop: () => query(`DROP SCHEMA IF EXISTS ${name} CASCADE`),
  };
}

function newName(): string {
  return `matrix_${randomBytes(6).toString('hex')}`;
}

async function query(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
