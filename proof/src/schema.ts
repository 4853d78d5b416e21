import type { Backend } from './target.js';

/** The business tables. `proof_bookings` has no unique key, so that a doubled effect is recorded instead of refused. */
export function businessTables(backend: Backend): string[] {
  const text = backend === 'mariadb' ? 'VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin' : 'VARCHAR(128)';
  return [
    `CREATE TABLE proof_orders (id ${text} NOT NULL PRIMARY KEY, gid ${text} NOT NULL)`,
    `CREATE TABLE proof_bookings (order_id ${text} NOT NULL, step_index INTEGER NOT NULL)`,
  ];
}

/** What the receivers of events have done, without a unique key as well. */
export function billsTable(backend: Backend): string {
  const text = backend === 'mariadb' ? 'VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin' : 'VARCHAR(128)';
  return `CREATE TABLE proof_bills (order_id ${text} NOT NULL, message_id ${text} NOT NULL, worker ${text} NOT NULL)`;
}

/** The effects of steps, recorded outside their transactions. Times are epoch milliseconds. */
export function effectsTable(backend: Backend): string {
  const text = backend === 'mariadb' ? 'VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin' : 'VARCHAR(128)';
  const time = backend === 'sqlite' ? 'REAL' : 'DOUBLE PRECISION';
  return `
    CREATE TABLE proof_effects (
      id ${text} NOT NULL PRIMARY KEY,
      order_id ${text} NOT NULL,
      gid ${text} NOT NULL,
      step_index INTEGER NOT NULL,
      kind ${text} NOT NULL,
      attempt INTEGER NOT NULL,
      worker ${text} NOT NULL,
      begin_at ${time} NOT NULL,
      end_at ${time},
      signalled_at ${time},
      outcome ${text},
      version ${text},
      idempotency_key ${text}
    )`;
}

const COLUMNS = ['status', 'step_index', 'attempts', 'owner'] as const;

/**
 * Triggers that record every change of a job, with the process that made it. They are in the database, so the library
 * cannot bypass them.
 */
export function auditTrail(backend: Backend): string[] {
  const values = (row: 'OLD' | 'NEW'): string => COLUMNS.map((column) => `${row}.${column}`).join(', ');
  const columns = [...COLUMNS.map((column) => `old_${column}`), ...COLUMNS.map((column) => `new_${column}`)];
  const into = `INSERT INTO proof_audit (gid, writer, ${columns.join(', ')})`;
  const none = COLUMNS.map(() => 'NULL').join(', ');
  const text = 'VARCHAR(128)';
  const id = {
    postgres: 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    mariadb: 'BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY',
    sqlite: 'INTEGER PRIMARY KEY',
  }[backend];
  const time = {
    postgres: 'DOUBLE PRECISION NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)',
    mariadb: 'DOUBLE NOT NULL DEFAULT (UNIX_TIMESTAMP(SYSDATE(6)) * 1000)',
    sqlite: `REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400000.0)`,
  }[backend];
  const pair = (prefix: string): string =>
    `${prefix}_status ${text}, ${prefix}_step_index INTEGER, ${prefix}_attempts INTEGER, ${prefix}_owner ${text}`;
  const table = `CREATE TABLE proof_audit (id ${id}, gid ${text} NOT NULL, writer ${text}, at ${time}, ${pair('old')}, ${pair('new')})`;

  if (backend === 'postgres') {
    const writer = `replace(current_setting('application_name'), 'proof:', '')`;
    return [
      table,
      `CREATE FUNCTION proof_note() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF TG_OP = 'INSERT' THEN
           ${into} VALUES (NEW.gid, ${writer}, ${none}, ${values('NEW')});
         ELSIF TG_OP = 'UPDATE' THEN
           ${into} VALUES (NEW.gid, ${writer}, ${values('OLD')}, ${values('NEW')});
         ELSE
           ${into} VALUES (OLD.gid, ${writer}, ${values('OLD')}, ${none});
         END IF;
         RETURN NULL;
       END $$`,
      `CREATE TRIGGER proof_note AFTER INSERT OR UPDATE OR DELETE ON stepping_jobs
         FOR EACH ROW EXECUTE FUNCTION proof_note()`,
    ];
  }
  const writer = backend === 'mariadb' ? '@proof_writer' : 'proof_writer()';
  const trigger = (event: string, gid: string, before: string, after: string): string => {
    const statement = `${into} VALUES (${gid}, ${writer}, ${before}, ${after})`;
    const body = backend === 'mariadb' ? statement : `BEGIN ${statement}; END`;
    return `CREATE TRIGGER proof_note_${event.toLowerCase()} AFTER ${event} ON stepping_jobs FOR EACH ROW ${body}`;
  };
  return [
    table,
    trigger('INSERT', 'NEW.gid', none, values('NEW')),
    trigger('UPDATE', 'NEW.gid', values('OLD'), values('NEW')),
    trigger('DELETE', 'OLD.gid', values('OLD'), none),
  ];
}
