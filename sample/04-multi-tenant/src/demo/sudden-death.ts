import type { DeathMoment } from '../config/platform.config.js';

interface Statement {
  run(...params: unknown[]): unknown;
}

/**
 * Kills this process with SIGKILL before or after the COMMIT of a tenant's transaction. `after-commit` is the worst
 * moment: the invoice is stored, and nobody has been told.
 */
export function suddenDeath(moment: DeathMoment): (database: unknown) => void {
  return (database) => {
    const connection = database as { prepare: (sql: string) => Statement };
    const prepare = connection.prepare.bind(connection);
    connection.prepare = (sql) => {
      const statement = prepare(sql);
      if (sql !== 'COMMIT') return statement;
      const run = statement.run.bind(statement);
      const die = (): unknown => process.kill(process.pid, 'SIGKILL');
      statement.run = moment === 'before-commit' ? die : (...params) => [run(...params), die()];
      return statement;
    };
  };
}
