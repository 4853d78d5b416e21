import type { Command, CommandOptions } from './command.js';

/** Where the jobs are; of every command. */
export const CONNECTION: CommandOptions = {
  url: {
    type: 'string',
    value: '<url>',
    help: 'postgres://, mysql:// or mariadb:// of the database, or the path of an SQLite file. Default: STEPPING_URL of the environment, which no list of processes shows',
  },
  dataSource: {
    type: 'string',
    short: 'd',
    value: '<file>',
    help: 'a file that exports a TypeORM DataSource; nothing of it is synchronized, migrated or subscribed',
  },
  schema: { type: 'string', value: '<name>', help: "where the tables are; as the module's tables.schema" },
  prefix: {
    type: 'string',
    value: '<text>',
    help: "how their names start; as the module's tables.prefix. Default: stepping_",
  },
};

export const OUTPUT: CommandOptions = {
  json: { type: 'boolean', help: 'answers with JSON' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
};

/** Of commands that change something. */
export const CHANGES: CommandOptions = {
  by: { type: 'string', value: '<name>', help: 'who does it, for the audit. Default: your user name' },
  reason: { type: 'string', value: '<text>', help: 'why, for the audit' },
  yes: { type: 'boolean', short: 'y', help: 'does not ask, however many jobs it touches' },
};

/** All options of a command. */
export function optionsOf({ options, changes }: Command): CommandOptions {
  return { ...options, ...(changes && CHANGES), ...CONNECTION, ...OUTPUT };
}
