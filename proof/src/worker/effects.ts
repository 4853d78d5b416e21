import { setTimeout as sleep } from 'node:timers/promises';
import type { EffectsSettings } from './settings.js';

export interface EffectRow {
  readonly order: string;
  readonly gid: string;
  readonly step: number;
  readonly kind: string;
  readonly attempt: number;
  /** Of the arguments. */
  readonly version: string | null;
  readonly key: string;
}

/** Records what steps do, with the database's time, through a connection that the library never sees. */
export interface EffectLog {
  /** Returns the id of the row. */
  begin(row: EffectRow): Promise<string>;
  /** Retries until it is written, or until the signal aborts: a step that has lost its job stops. */
  end(
    id: string,
    outcome: 'done' | 'failed',
    signal: AbortSignal,
    signalledAt: () => number | null,
  ): Promise<void>;
  /** The database's time. */
  now(): Promise<number>;
  close(): Promise<void>;
}

type Run = (sql: string, params: readonly unknown[]) => Promise<unknown[]>;

interface Session {
  run: Run;
  close(): Promise<void>;
  /** SQL of the current time, in epoch milliseconds. */
  readonly now: string;
  readonly placeholder: (position: number) => string;
}

const END_PATIENCE_MS = 15_000;

export async function openEffectLog(settings: EffectsSettings, worker: string): Promise<EffectLog> {
  let session: Promise<Session> | undefined;
  let count = 0;

  /** The next call replaces a broken connection. */
  const run = async (statement: (session: Session) => [string, unknown[]]): Promise<unknown[]> => {
    session ??= open(settings);
    const current = session;
    try {
      const opened = await current;
      return await opened.run(...statement(opened));
    } catch (error) {
      if (session === current) session = undefined;
      void current.then((opened) => opened.close()).catch(() => undefined);
      throw error;
    }
  };

  return {
    async begin({ order, gid, step, kind, attempt, version, key }) {
      count += 1;
      const id = `${worker}:${count}`;
      await run(({ now, placeholder }) => [
        `INSERT INTO proof_effects (id, order_id, gid, step_index, kind, attempt, worker, version, idempotency_key, begin_at)
         VALUES (${[1, 2, 3, 4, 5, 6, 7, 8, 9].map(placeholder).join(', ')}, ${now})`,
        [id, order, gid, step, kind, attempt, worker, version, key],
      ]);
      return id;
    },
    async end(id, outcome, signal, signalledAt) {
      const deadline = performance.now() + END_PATIENCE_MS;
      for (;;) {
        try {
          await run(({ now, placeholder }) => [
            `UPDATE proof_effects SET end_at = ${now}, outcome = ${placeholder(1)}, signalled_at = ${placeholder(2)}
              WHERE id = ${placeholder(3)}`,
            [outcome, signalledAt(), id],
          ]);
          return;
        } catch (error) {
          if (signal.aborted || performance.now() > deadline) throw error;
          await sleep(50);
        }
      }
    },
    async now() {
      const [row] = await run(({ now }) => [`SELECT ${now} AS time`, []]);
      return Number((row as { time: number | string }).time);
    },
    async close() {
      await (await session)?.close();
    },
  };
}

async function open(settings: EffectsSettings): Promise<Session> {
  if (settings.backend === 'sqlite') return openSqlite(settings.file);
  return settings.backend === 'postgres' ? openPostgres(settings.url) : openMariaDb(settings.url);
}

async function openPostgres(url: string): Promise<Session> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, application_name: 'proof-effects' });
  client.on('error', () => undefined);
  await client.connect();
  return {
    now: 'extract(epoch FROM clock_timestamp()) * 1000',
    placeholder: (position) => `$${position}`,
    run: async (sql, params) => (await client.query(sql, [...params])).rows,
    close: () => client.end(),
  };
}

async function openMariaDb(url: string): Promise<Session> {
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection(url);
  connection.on('error', () => undefined);
  return {
    now: 'UNIX_TIMESTAMP(SYSDATE(6)) * 1000',
    placeholder: () => '?',
    run: async (sql, params) => (await connection.query(sql, [...params]))[0] as unknown[],
    close: () => connection.end(),
  };
}

async function openSqlite(file: string): Promise<Session> {
  const { default: SqliteDatabase } = await import('better-sqlite3');
  const database = new SqliteDatabase(file, { timeout: 5000 });
  database.pragma('synchronous = NORMAL');
  return {
    now: `(julianday('now') - 2440587.5) * 86400000.0`,
    placeholder: () => '?',
    run: async (sql, params) => {
      const statement = database.prepare(sql);
      if (statement.reader) return statement.all(...params);
      statement.run(...params);
      return [];
    },
    close: async () => void database.close(),
  };
}
