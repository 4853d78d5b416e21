import { randomBytes } from 'node:crypto';
import type { TestDatabase } from './database.js';

/**
 * An account of a database whose new connections are read-only or not, as the test wants; those that are open stay as they are.
 * So a primary looks that has been replaced while connections to it are open.
 *
 * PostgreSQL gives its roles settings for new sessions. MariaDB looks up the right to write to a server with `read_only` when a
 * session begins; the account has only what `database` grants.
 */
export class SwitchedAccount {
  private readonly name = `switched_${randomBytes(4).toString('hex')}`;
  private readonly postgres: boolean;
  private readonly account: string;

  private constructor(private readonly database: TestDatabase) {
    this.postgres = database.backend === 'postgres';
    this.account = this.postgres ? this.name : `'${this.name}'@'%'`;
  }

  /** One that may write. The tables must be there already. */
  static async create(database: TestDatabase): Promise<SwitchedAccount> {
    const self = new SwitchedAccount(database);
    await self.grant();
    await self.writable();
    return self;
  }

  get url(): string {
    const url = new URL(this.database.url);
    url.username = url.password = this.name;
    return url.href;
  }

  /** Ends the connections of now. New ones cannot write. */
  async readOnly(): Promise<void> {
    const { database, account, postgres } = this;
    await database.query(
      postgres
        ? `ALTER ROLE ${account} SET default_transaction_read_only = on`
        : `REVOKE READ ONLY ADMIN ON *.* FROM ${account}`,
    );
    await this.cut();
  }

  /** New connections can write; those of now cannot. */
  async writable(): Promise<void> {
    const { database, account, postgres } = this;
    await database.query(
      postgres
        ? `ALTER ROLE ${account} RESET default_transaction_read_only`
        : `GRANT READ ONLY ADMIN ON *.* TO ${account}`,
    );
  }

  async drop(): Promise<void> {
    const { database, account, postgres } = this;
    if (postgres) await database.query(`DROP OWNED BY ${account}`);
    await database.query(`DROP ${postgres ? 'ROLE' : 'USER'} ${account}`);
  }

  /** When the session began that listens for notifications; of PostgreSQL. */
  async listeningSince(): Promise<number | undefined> {
    const [session] = await this.database.query<{ since: Date }>(
      `SELECT backend_start AS since FROM pg_stat_activity
        WHERE usename = '${this.name}' AND query LIKE 'LISTEN %' AND state = 'idle'`,
    );
    return session?.since.getTime();
  }

  private async grant(): Promise<void> {
    const { database, account, postgres, name } = this;
    if (postgres) {
      await database.query(`CREATE ROLE ${account} LOGIN PASSWORD '${name}'`);
      await database.query(`GRANT USAGE ON SCHEMA "${database.schema}" TO ${account}`);
      await database.query(`GRANT ALL ON ALL TABLES IN SCHEMA "${database.schema}" TO ${account}`);
      return;
    }
    await database.query(`CREATE USER ${account} IDENTIFIED BY '${name}'`);
    await database.query(`GRANT ALL ON \`${new URL(database.url).pathname.slice(1)}\`.* TO ${account}`);
  }

  private async cut(): Promise<void> {
    const { database, name } = this;
    if (this.postgres) {
      await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${name}'`,
      );
      return;
    }
    const sessions = await database.query<{ id: number }>(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '${name}'`,
    );
    // A connection that has just closed by itself is not a failure.
    for (const { id } of sessions) await database.query(`KILL ${id}`).catch(() => undefined);
  }
}
