import type { ForeignEngine } from '../foreign-engines.js';

const NOT_TRIED = 'nobody has tried there whether a job runs exactly as its transaction ends';

/** They answer as PostgreSQL does, some with a number of its versions. */
export const POSTGRES_ENGINES: readonly ForeignEngine[] = [
  {
    sign: /cockroach/i,
    name: 'CockroachDB',
    fault: 'it has no advisory locks, no notifications and no row addresses',
  },
  { sign: /-YB-/, name: 'YugabyteDB', fault: 'its rows have no addresses, by which jobs are claimed' },
  {
    sign: /emscripten|emcc/i,
    name: 'PGlite',
    fault: 'all its connections are one session, so that statements of others get into a transaction',
  },
  { sign: /greenplum/i, name: 'Greenplum', fault: NOT_TRIED },
  { sign: /redshift/i, name: 'Redshift', fault: NOT_TRIED },
  // Materialize, RisingWave, QuestDB and whatever else only speaks the protocol.
  {
    sign: /^(?!PostgreSQL \d)|\((?:questdb|risingwave|materialize)/i,
    name: 'This server',
    fault: 'it is not PostgreSQL',
  },
];
