import type { Engine } from './engine.js';
import { failover } from './failover.js';
import { galera } from './galera.js';
import { pgbouncer } from './pgbouncer.js';
import { tidb } from './tidb.js';

export const engines: readonly Engine[] = [failover, galera, pgbouncer, tidb];
