// Connects to a database server and prints its version: `node scripts/database-ready.mjs URL`. Creates the
// database that the URL names when the server does not have it. Fails when nothing answers.
import { createConnection } from 'mysql2/promise';
import pg from 'pg';

const url = new URL(process.argv[2] ?? '');
const database = url.pathname.slice(1);
if (!/^\w+$/.test(database))
  throw new Error(`The URL must end in the name of a database, not in "${database}"`);

console.log(url.protocol.startsWith('postgres') ? await postgres() : await mysql());

async function postgres() {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const client = new pg.Client({ connectionString: admin.href, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE "${database}"`);
    const { rows } = await client.query('SHOW server_version');
    return `PostgreSQL ${rows[0].server_version}`;
  } finally {
    await client.end();
  }
}

async function mysql() {
  const admin = new URL(url);
  admin.pathname = '/';
  admin.searchParams.set('connectTimeout', '5000');
  const connection = await createConnection(admin.href);
  try {
    await connection.query(`CREATE DATABASE IF NOT EXISTS \`${database}\``);
    const [rows] = await connection.query('SELECT VERSION() AS version');
    return `MySQL or MariaDB ${rows[0].version}`;
  } finally {
    await connection.end();
  }
}
