import { MIGRATIONS } from '../../store/migrations/migrations.js';
import { SchemaMigrator } from '../../store/migrations/schema-migrator.js';
import type { Command } from '../command.js';

export const migrate: Command = {
  name: 'migrate',
  summary: 'creates the tables, or brings them up to date',
  description:
    'Creates the tables of this version, or brings them up to date; --sql prints the statements and changes nothing. For applications with autoMigrate: false that do not use the migrations of TypeORM.',
  options: { sql: { type: 'boolean', help: 'prints the statements instead of running them' } },
  async run({ values, operator }) {
    const { dialect, connection } = operator.database;
    await dialect.initialize(connection);
    const pending = await dialect.pending(connection, MIGRATIONS);
    const names = pending.map(({ name }) => name);
    if (values['sql'] === true) {
      const statements = pending.flatMap((migration) => dialect.statementsOf(migration)).map(withoutIndent);
      const lines =
        statements.length === 0 ? ['-- The tables are up to date.'] : statements.map((sql) => `${sql};`);
      return {
        code: 0,
        lines: lines.flatMap((sql) => sql.split('\n')),
        json: { migrations: names, statements },
      };
    }
    await new SchemaMigrator(connection, dialect).migrate();
    const done = names.length === 0 ? 'The tables were up to date.' : `Applied ${names.join(', ')}.`;
    return { code: 0, lines: [done], json: { migrations: names } };
  },
};

/** The statements stand in the code, indented as it is. */
function withoutIndent(sql: string): string {
  const lines = sql.split('\n').filter((line) => line.trim() !== '');
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join('\n');
}
