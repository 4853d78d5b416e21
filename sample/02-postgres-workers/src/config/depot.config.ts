import { Injectable } from '@nestjs/common';

/** The default of `DATABASE_URL`. */
export const DEFAULT_DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/test';

/** The settings of both kinds of processes, from environment variables. */
@Injectable()
export class DepotConfig {
  readonly databaseUrl = process.env.DATABASE_URL ?? DEFAULT_DATABASE_URL;

  /** The schema of all tables; it must exist. */
  readonly schema = process.env.DATABASE_SCHEMA ?? 'public';

  /** Port of the API process; 0 chooses a free one. */
  readonly port = Number(process.env.PORT ?? 3000);

  /** How long a label takes, in milliseconds. */
  readonly printingTime = Number(process.env.PRINTING_TIME_MS ?? 0);
}
