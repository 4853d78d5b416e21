import { createDatabase, type Servers } from './database.js';
import type { Backend } from './target.js';

const QUESTIONS: Readonly<Record<Backend, string>> = {
  postgres: `SELECT 'PostgreSQL ' || current_setting('server_version') AS version`,
  mariadb: `SELECT IF(version() LIKE '%MariaDB%', CONCAT('MariaDB ', version()), version()) AS version`,
  sqlite: `SELECT 'SQLite ' || sqlite_version() AS version`,
};

/** The version strings of a run's databases. */
export async function serverVersions(servers: Servers): Promise<string[]> {
  const found: string[] = [];
  for (const backend of ['postgres', 'mariadb', 'sqlite'] as const) {
    if (backend !== 'sqlite' && servers[backend] === undefined) continue;
    found.push(await versionOf(backend, servers));
  }
  return found;
}

/** The version string of one server. */
export function serverVersion(backend: Exclude<Backend, 'sqlite'>, url: string): Promise<string> {
  return versionOf(backend, { [backend]: url });
}

async function versionOf(backend: Backend, servers: Servers): Promise<string> {
  const database = await createDatabase(backend, servers);
  try {
    const [row] = await database.query<{ version: string }>(QUESTIONS[backend]);
    return row!.version;
  } finally {
    await database.drop();
  }
}
