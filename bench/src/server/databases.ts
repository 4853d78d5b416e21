import { createConnection } from 'mysql2/promise';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseKind } from '../orders.ts';
import type { OwnPostgres } from './own-postgres.ts';

const MYSQL_URL = process.env.MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test';

/** A database for one run, or a copy of a database filled earlier. */
export interface RunDatabase {
  readonly kind: DatabaseKind;
  readonly name: string;
  readonly url: string;
  drop(): Promise<void>;
}

export class Databases {
  private count = 0;

  private readonly postgres: OwnPostgres;

  constructor(postgres: OwnPostgres) {
    this.postgres = postgres;
  }

  async create(kind: DatabaseKind, template?: string): Promise<RunDatabase> {
    const name = `stepping_bench_${process.pid}_${(this.count += 1)}`;
    switch (kind) {
      case 'postgres':
        return this.createPostgres(name, template);
      case 'mysql':
        return createMysql(name);
      case 'sqlite':
        return this.createSqlite(name);
    }
  }

  private async createPostgres(name: string, template: string | undefined): Promise<RunDatabase> {
    const { postgres } = this;
    const copy = template ? ` TEMPLATE "${template}" STRATEGY FILE_COPY` : '';
    await postgres.withClient((client) => client.query(`CREATE DATABASE "${name}"${copy}`));
    return {
      kind: 'postgres',
      name,
      url: postgres.url(name),
      drop: () =>
        postgres.withClient(async (client) => {
          await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
        }),
    };
  }

  private createSqlite(name: string): RunDatabase {
    const file = join(this.postgres.folder, `${name}.sqlite`);
    return {
      kind: 'sqlite',
      name,
      url: file,
      drop: () => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
        return Promise.resolve();
      },
    };
  }
}

async function createMysql(name: string): Promise<RunDatabase> {
  await onMysql(`CREATE DATABASE \`${name}\``);
  const url = new URL(MYSQL_URL);
  url.pathname = `/${name}`;
  return { kind: 'mysql', name, url: url.href, drop: () => onMysql(`DROP DATABASE IF EXISTS \`${name}\``) };
}

export async function describeMysql(): Promise<string> {
  const connection = await createConnection(MYSQL_URL);
  try {
    const [rows] = await connection.query<any[]>(
      `SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flush_log, @@sync_binlog AS sync_binlog`,
    );
    const { version, flush_log, sync_binlog } = rows[0] as Record<string, string>;
    return `${version} (innodb_flush_log_at_trx_commit = ${flush_log}, sync_binlog = ${sync_binlog})`;
  } finally {
    await connection.end();
  }
}

async function onMysql(sql: string): Promise<void> {
  const connection = await createConnection(MYSQL_URL);
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}
