import pg from 'pg';

/** Marks statements of the benchmark itself, so that they are not counted. */
export const UNCOUNTED = '/* bench */';

/** Queries the database from outside the contender. */
export class Watch {
  private readonly client: pg.Client;
  private connected: Promise<unknown> | undefined;

  constructor(url: string) {
    this.client = new pg.Client({
      connectionString: url,
      application_name: 'bench-watch',
      // A query that reads a whole table of a million rows would distort the measurement.
      options: '-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off',
    });
    // Stopping the server at the end of a run closes this connection as well.
    this.client.on('error', () => undefined);
  }

  async query<T extends pg.QueryResultRow>(sql: string, params: unknown[] = []): Promise<T[]> {
    this.connected ??= this.client.connect();
    await this.connected;
    return (await this.client.query<T>(sql.replace(/^\s*SELECT/, `SELECT ${UNCOUNTED}`), params)).rows;
  }

  /** Whether `condition` holds for any row of `table`. */
  async any(table: string, condition: string): Promise<boolean> {
    const rows = await this.query<{ any: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM ${table} WHERE ${condition}) AS any`,
    );
    return rows[0]!.any;
  }

  async close(): Promise<void> {
    if (this.connected) await this.client.end();
  }
}
