export type Backend = 'postgres' | 'mariadb' | 'sqlite';

/** Where the jobs are stored: with the orders, in another database, or in a DTM server. */
export type Placement = 'one' | 'two' | 'dtm';

/** What is attacked. */
export interface Target {
  /** Where it is another one than the backend, which it is used as. */
  readonly engine?: string;
  readonly backend: Backend;
  readonly placement: Placement;
  /** False if the database has none: then nothing records how jobs change. Default: true. */
  readonly triggers?: boolean;
}

const PLACES: Readonly<Record<Placement, string>> = {
  one: 'self-TM, one database',
  two: 'self-TM, two databases',
  dtm: 'DTM over HTTP',
};

export function nameOf({ engine, backend, placement }: Target): string {
  return `${engine ?? backend}, ${PLACES[placement]}`;
}
