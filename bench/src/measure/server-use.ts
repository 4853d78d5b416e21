import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnPostgres } from '../server/own-postgres.ts';
import { serverCpu } from './server-cpu.ts';
import { resetStatements, statementUse, type StatementUse } from './statements.ts';
import { walUse, type WalUse } from './wal.ts';

/** Minimum interval at which a session adds its counters to the server's. */
const STATS_INTERVAL_MS = 1_050;

export interface ServerUse extends StatementUse {
  readonly wal: WalUse;
  readonly syncs: number;
  /** Seconds. */
  readonly cpu: number;
}

/** Counts what the server does between two points in time. */
export class ServerMeter {
  private from = '';
  private to = '';
  private syncs = 0;
  private cpu = 0;
  private statements: StatementUse | undefined;

  private readonly postgres: OwnPostgres;
  private readonly databases: readonly string[];

  constructor(postgres: OwnPostgres, databases: readonly string[]) {
    this.postgres = postgres;
    this.databases = databases;
  }

  /**
   * `touch` makes the sessions do a little work: with the pause before it, so that they add what they have counted
   * until then, and syncs from before the start are not taken for those of the run.
   */
  async start(touch: () => Promise<unknown>): Promise<void> {
    await sleep(STATS_INTERVAL_MS);
    await touch();
    for (const database of this.databases) await resetStatements(this.postgres, database);
    ({ lsn: this.from, syncs: this.syncs } = await this.position());
    this.cpu = serverCpu(this.postgres.pid);
  }

  async stop(): Promise<void> {
    this.cpu = serverCpu(this.postgres.pid) - this.cpu;
    ({ lsn: this.to } = await this.position());
    this.statements = await statementUse(this.postgres, this.databases);
  }

  /** Call this when the contender's connections are closed: a session that ends adds its counters. */
  async result(): Promise<ServerUse> {
    const { syncs } = await this.position();
    const wal = await walUse(this.postgres, this.from, this.to);
    return { ...this.statements!, wal, syncs: syncs - this.syncs, cpu: this.cpu };
  }

  private async position(): Promise<{ lsn: string; syncs: number }> {
    return this.postgres.withClient(async (client) => {
      const { rows } = await client.query<{ lsn: string; wal_sync: string }>(
        'SELECT pg_current_wal_flush_lsn()::text AS lsn, wal_sync FROM pg_stat_wal',
      );
      return { lsn: rows[0]!.lsn, syncs: Number(rows[0]!.wal_sync) };
    });
  }
}
