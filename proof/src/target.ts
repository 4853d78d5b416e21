export type Backend = 'postgres' | 'mariadb' | 'sqlite';

/** Where the jobs are stored: with the orders, in another database, or in a DTM server. */
export type Placement = 'one' | 'two' | 'dtm';

/** What is attacked. */
export interface Target {
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

export function nameOf({ backend, placement }: Target): string {
  return `${backend}, ${PLACES[placement]}`;
}
