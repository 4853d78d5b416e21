import type { ForeignEngine } from '../foreign-engines.js';

const LOCKS_NOTHING = 'there FOR UPDATE SKIP LOCKED is accepted and locks nothing, so that steps run twice';
const ONE_SHARD = 'there a transaction over several shards may commit in one of them alone';
const NOT_TRIED = 'nobody has tried there whether a job runs exactly as its transaction ends';

/** They answer as MySQL does, with a number of its versions. */
export const MYSQL_ENGINES: readonly ForeignEngine[] = [
  { sign: /dolt/i, name: 'Dolt', fault: LOCKS_NOTHING },
  { sign: /vitess|planetscale/i, name: 'Vitess', fault: ONE_SHARD },
  { sign: /singlestore|memsql/i, name: 'SingleStore', fault: NOT_TRIED },
  { sign: /oceanbase/i, name: 'OceanBase', fault: NOT_TRIED },
  { sign: /starrocks|doris/i, name: 'StarRocks or Doris', fault: NOT_TRIED },
];
