import { UnsupportedDatabaseError } from '../../errors/index.js';
import type { Dialect } from '../dialect.js';
import type { InternalConnection, RunStatement } from './internal.connection.js';

/** A transaction inside of another one needs a connection of its own. */
const CONNECTIONS = 2;
const ONCE = { retry: false } as const;

/**
 * Tries whether a row that one transaction has locked is left out by another one, or refused to it. Claims rely on it, and engines that
 * only speak the language of another one accept SKIP LOCKED without a lock. Nothing is said where it cannot be tried: the rights are missing, or the pool
 * has one connection.
 *
 * @throws UnsupportedDatabaseError when both transactions get the row.
 */
export async function assertRowLocks(connection: InternalConnection, dialect: Dialect): Promise<void> {
  const { gate, locksPerNode, poolSize = CONNECTIONS } = dialect;
  // The connections may lead to different nodes.
  if (gate || locksPerNode || poolSize < CONNECTIONS) return;
  if ((await tryLocks(connection, dialect)) === 'idle') {
    throw new UnsupportedDatabaseError(
      `A server whose FOR UPDATE ${dialect.lockWait} locks nothing, so that steps would run twice,`,
      'PostgreSQL, MySQL or MariaDB themselves',
    );
  }
}

async function tryLocks(
  connection: InternalConnection,
  { tables, lockWait, errors }: Dialect,
): Promise<'locked' | 'idle' | 'unknown'> {
  const lock = `SELECT id FROM ${tables.migrations} WHERE id = 1 FOR UPDATE ${lockWait}`;
  try {
    const lockTwice = async (run: RunStatement): Promise<'locked' | 'idle'> => {
      // Another process that tries has it: that is proof enough.
      if ((await run(lock)).rows.length === 0) return 'locked';
      const { rows } = await connection.transaction((inner) => inner(lock), ONCE);
      return rows.length === 0 ? 'locked' : 'idle';
    };
    return await connection.transaction(lockTwice, ONCE);
  } catch (error) {
    return lockWait === 'NOWAIT' && errors.isTransient(error) ? 'locked' : 'unknown';
  }
}
