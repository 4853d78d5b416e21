import type { Contender, ContenderSettings } from './contender.ts';

/** A contender, by its name on the command line and in the tables. */
export interface Entry {
  readonly name: string;
  /** Runs no jobs, so there is nothing to wait for. */
  readonly withoutJobs?: boolean;
  /** Listed for reference: not transactional, or not comparable for another reason. */
  readonly reference?: boolean;
  make(settings: ContenderSettings): Promise<Contender>;
}

/** Each is loaded only by the processes that run it, so that no contender pays for another's code. */
const floor: Entry = {
  name: 'floor',
  make: async (settings) => new (await import('./floor.ts')).Floor(settings),
};

const stepping: Entry = {
  name: 'stepping',
  make: async (settings) => new (await import('./stepping.ts')).Stepping(settings),
};

/** With the option `codec`: what encryption at rest costs. */
const encrypted: Entry = {
  name: 'stepping, encrypted',
  make: async (settings) => new (await import('./stepping.ts')).Stepping(settings, { encrypted: true }),
};

/** With `monitoring: false`: what the process registry and the statistics cost. */
const unmonitored: Entry = {
  name: 'stepping, unmonitored',
  make: async (settings) => new (await import('./stepping.ts')).Stepping(settings, { monitoring: false }),
};

/** With a store in each of four databases. */
const sharded: Entry = {
  ...stepping,
  name: 'stepping, four stores',
};

/** A second build of the library, to measure a change: `--compare <folder>`. */
const compared: Entry = {
  name: 'stepping (compared)',
  make: async (settings) =>
    new (await import('./stepping.ts')).Stepping(settings, { packageName: 'nestjs-stepping-compared' }),
};

function ordersOnly(via: 'typeorm' | 'pg'): Entry {
  return {
    name: `orders only, ${via}`,
    withoutJobs: true,
    make: async (settings) => new (await import('./orders-only.ts')).OrdersOnly(settings, via),
  };
}

const ordersInShards: Entry = { ...ordersOnly('typeorm'), name: 'orders only, four databases' };

function peers(via: 'typeorm' | 'pg', tuning: 'throughput' | 'prompt'): Entry[] {
  const label = `${via}, ${tuning}`;
  return [
    {
      name: `pg-boss, ${label}`,
      make: async (settings) => {
        const { PgBossContender, PG_BOSS_TUNING } = await import('./pg-boss.ts');
        return new PgBossContender(settings, via, PG_BOSS_TUNING[tuning]);
      },
    },
    {
      name: `graphile-worker, ${label}`,
      make: async (settings) => {
        const { GraphileWorkerContender, GRAPHILE_TUNING } = await import('./graphile-worker.ts');
        return new GraphileWorkerContender(settings, via, GRAPHILE_TUNING[tuning]);
      },
    },
    {
      name: `dbos, ${label}`,
      make: async (settings) => {
        const { DbosContender, DBOS_TUNING } = await import('./dbos.ts');
        return new DbosContender(settings, via, DBOS_TUNING[tuning]);
      },
    },
  ];
}

const bullmq: Entry = {
  name: 'bullmq (after the commit)',
  reference: true,
  make: async (settings) => new (await import('./bullmq.ts')).BullMqContender(settings),
};

const twoPhaseFloor: Entry = {
  name: 'two-phase by hand',
  make: async (settings) => new (await import('./two-phase-floor.ts')).TwoPhaseFloor(settings),
};

const both = (via: 'typeorm' | 'pg') => [...peers(via, 'throughput'), ...peers(via, 'prompt')];

export const ENTRIES = {
  /** All contenders, in both kinds of transaction. */
  placing: [
    floor,
    stepping,
    encrypted,
    unmonitored,
    ordersOnly('typeorm'),
    ordersOnly('pg'),
    ...both('typeorm'),
    ...both('pg'),
    bullmq,
  ],
  /** It makes no difference to a worker how a job got into the table. */
  draining: [floor, stepping, encrypted, unmonitored, ...both('pg'), bullmq],
  /** Databases that the other libraries do not support. */
  elsewhere: [floor, stepping, ordersOnly('typeorm')],
  twoPhase: [twoPhaseFloor, stepping],
  alone: [stepping],
  /** What several databases cost by themselves is seen by the orders without jobs. */
  shards: [stepping, sharded, ordersOnly('typeorm'), ordersInShards],
  compared: [compared],
} as const satisfies Record<string, readonly Entry[]>;

export function entryNamed(name: string): Entry {
  const entry = Object.values(ENTRIES)
    .flat()
    .find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`There is no contender '${name}'.`);
  return entry;
}
