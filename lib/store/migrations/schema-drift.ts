import { errorText } from '../../errors/error-text.js';
import type { InternalConnection } from '../connections/internal.connection.js';
import type { Dialect } from '../dialect.js';
import { tablesOf } from '../table-names.js';
import { MIGRATIONS } from './migrations.js';

/**
 * In what the tables of the library differ from what this version needs: migrations, tables, columns and indexes that are missing, one
 * sentence for each. Empty when nothing is. The dialect must be initialized.
 *
 * What is needed is read from the library's own DDL, so that it is said once.
 */
export async function schemaDrift(connection: InternalConnection, dialect: Dialect): Promise<string[]> {
  const pending = await dialect.pending(connection, MIGRATIONS);
  const names = tablesOf(dialect.names);
  const found = await dialect.existingTables(connection, names);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) return missing.map((name) => `The table ${name} is missing.`);
  const statements = MIGRATIONS.flatMap((migration) => dialect.statementsOf(migration));
  const indexes = await dialect.existingIndexes(connection);
  return [
    ...pending.map(({ name }) => `The migration ${name} is not recorded.`),
    ...(await Promise.all(statements.map((ddl) => missingColumns(connection, ddl)))).flat(),
    ...statements
      .flatMap(indexesOf)
      .filter((name) => !indexes.has(name.toLowerCase()))
      .map((name) => `The index ${name} is missing.`),
  ];
}

/** One at least, if the database says no: it names the first column that it does not know, or the right that is missing. */
async function missingColumns(connection: InternalConnection, ddl: string): Promise<string[]> {
  const [, table] = /CREATE TABLE IF NOT EXISTS (\S+) \(/.exec(ddl) ?? [];
  if (table === undefined) return [];
  const columns = [...ddl.matchAll(/^\s+([a-z_]+) [A-Za-z]/gm)].map(([, name]) => name!);
  try {
    await connection.query(`SELECT ${columns.join(', ')} FROM ${table} WHERE 1 = 0`);
    return [];
  } catch (error) {
    return [`The table ${table} cannot be read as it has to be: ${errorText(error)}`];
  }
}

function indexesOf(ddl: string): string[] {
  const created = /CREATE INDEX IF NOT EXISTS (?:main\.)?"([^"]+)"/.exec(ddl);
  const keys = [...ddl.matchAll(/^\s+KEY `([^`]+)`/gm)];
  return [...(created ? [created[1]!] : []), ...keys.map(([, name]) => name!)];
}
