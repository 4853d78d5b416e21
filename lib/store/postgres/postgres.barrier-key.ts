import { InvalidOptionError } from '../../errors/index.js';
import type { Queryable } from '../connections/internal.connection.js';
import { DEFAULT_TABLE_PREFIX, type TableNames } from '../table-names.js';

/**
 * Throws `InvalidOptionError` when the barrier table is still to be created, and another table has the name of its key.
 *
 * DTM's clients name the key in their SQL, so it has to have that name. On PostgreSQL a schema holds it once.
 */
export async function refuseTakenKey(
  connection: Queryable,
  schema: string,
  { prefix, barrier, barrierKey }: TableNames,
): Promise<void> {
  const { rows } = await connection.query(
    `
    SELECT coalesce(t.relname, k.relname) AS taker
      FROM pg_catalog.pg_class k
      JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.oid
      LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
     WHERE n.nspname = $1 AND k.relname = $2
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_class b WHERE b.relnamespace = n.oid AND b.relname = $3)`,
    [schema, barrierKey, barrier],
  );
  const [found] = rows as { taker: string }[];
  if (!found) return;
  throw new InvalidOptionError(
    'tables.prefix',
    prefix,
    `a prefix other than '${DEFAULT_TABLE_PREFIX}' and '', or another tables.schema, since ${found.taker} in the schema ` +
      `${schema} has the name ${barrierKey} already`,
  );
}
