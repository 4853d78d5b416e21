import pg from 'pg';

export interface LabelRunRecord {
  readonly parcelNumber: string;
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly pid: number;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
}

/** All data that the depot has stored. */
export interface DepotRecords {
  readonly parcels: readonly { readonly number: string; readonly registeredAt: Date }[];
  readonly bookings: readonly {
    readonly parcelNumber: string;
    readonly pid: number;
    readonly bookedAt: Date;
  }[];
  readonly labelRuns: readonly LabelRunRecord[];
  readonly jobs: readonly { readonly parcelNumber: string; readonly status: string }[];
}

/** The schema of one demonstration, read through a separate connection, without code of the depot or the library. */
export class DepotSchema {
  private constructor(
    private readonly client: pg.Client,
    readonly name: string,
  ) {}

  static async create(databaseUrl: string, name: string): Promise<DepotSchema> {
    const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000 });
    await client.connect();
    await client.query(`CREATE SCHEMA ${name}`);
    await client.query(`SET search_path TO ${name}`);
    return new DepotSchema(client, name);
  }

  async drop(): Promise<void> {
    try {
      await this.client.query(`DROP SCHEMA ${this.name} CASCADE`);
    } finally {
      await this.client.end();
    }
  }

  /** The database's clock, by which the records are timed. */
  async now(): Promise<Date> {
    const { rows } = await this.client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    return rows[0]!.now;
  }

  /** Until `repairPrinter()`, no label is printed. */
  async breakPrinter(reason: string): Promise<void> {
    await this.client.query('INSERT INTO printer_outages (reason) VALUES ($1)', [reason]);
  }

  async repairPrinter(): Promise<void> {
    await this.client.query('DELETE FROM printer_outages');
  }

  /** Reads one snapshot. */
  async read(): Promise<DepotRecords> {
    await this.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      return {
        parcels: await this.all('SELECT number, "registeredAt" FROM parcels'),
        bookings: await this.all('SELECT "parcelNumber", pid, "bookedAt" FROM bookings'),
        labelRuns: await this.all('SELECT * FROM label_runs ORDER BY id'),
        jobs: await this.all(
          `SELECT replace(gid, 'parcel:', '') AS "parcelNumber", status FROM stepping_jobs`,
        ),
      };
    } finally {
      await this.client.query('COMMIT');
    }
  }

  private async all<T extends pg.QueryResultRow>(sql: string): Promise<T[]> {
    return (await this.client.query<T>(sql)).rows;
  }
}
