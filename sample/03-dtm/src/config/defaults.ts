/** Default addresses on a developer's machine. Environment variables override them. */
export const DEFAULTS = {
  ordersPort: 3001,
  stockPort: 3002,
  databaseUrl: 'postgres://postgres@127.0.0.1:5432/postgres',
  mysqlUrl: 'mysql://root@127.0.0.1:3306/test',
  dtmUrl: 'http://127.0.0.1:36789',
} as const;
