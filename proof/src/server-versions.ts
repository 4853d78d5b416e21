import { createDatabase, type Servers } from './database.js';
import type { Backend } from './target.js';

const QUESTIONS: Readonly<Record<Backend, string>> = {
  postgres: `SELECT 'PostgreSQL ' || current_setting('server_version') AS version`,
  mariadb: `SELECT CONCAT('MariaDB ', version()) AS version`,
  sqlite: `SELECT 'SQLite ' || sqlite_version() AS version`,
};

/** The version strings of a run's databases. */
export async function serverVersions(servers: Servers): Promise<string[]> {
  const found: string[] = [];
  for (const backend of ['postgres', 'mariadb', 'sqlite'] as const) {
    if (backend !== 'sqlite' && servers[backend] === undefined) continue;
    const database = await createDatabase(backend, servers);
    try {
      const [row] = await database.query<{ version: string }>(QUESTIONS[backend]);
      found.push(row!.version);
    } finally {
      await database.drop();
    }
  }
  return found;
}
