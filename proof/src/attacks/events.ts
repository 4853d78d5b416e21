import { Billing, crashesOf } from '../billing.js';
import { checkBills } from '../bills-checker.js';
import { faultPoints } from '../fault-points.js';
import { startOwnBroker, whyNoBroker, type OwnBroker } from '../own-broker.js';
import type { JobPlan } from '../plan.js';
import type { WorkerProcess } from '../process.js';
import { NetworkProxy } from '../proxy.js';
import type { Random } from '../random.js';
import type { Attack } from '../run.js';
import { Scene, TIMING } from '../scene.js';
import { sleep, until } from '../wait.js';
import { QUEUE } from '../worker/event-names.js';
import type { FaultSettings } from '../worker/settings.js';

const PER_SECOND = 500;
const MAX_ORDERS = 10_000;
const PROCESSES = 2;
/** Until all orders are placed, which needs a process that serves: three minutes, and five times as long as without any attack. */
const PATIENCE_MS = 180_000;
const PATIENCE_TIMES = 5;
/** Two heartbeats: by then a silent connection has been given up. */
const SILENCE_MS = 2500;
/** Longer than it takes from the COMMIT of an order to the sending of its event. */
const STALL_MS = 500;
/** Until a process has sent an event, and until it has placed so many orders that their events are on their way. */
const SENDING_MS = 20_000;
const MEANWHILE = 5;
/** The requests that die with a process. */
const UNANSWERED = 10;

const PUBLISHING = [
  ...faultPoints('one').filter((point) => !/^recovery:|commit/.test(point)),
  // The event has left the process, and nobody has confirmed it.
  'event:sent',
];
/** Before the work, after it, and before the message is acknowledged. */
const RECEIVING = ['inbox:marked', 'inbox:before-commit', 'inbox:committed'];

/**
 * Orders go from one application to another as events: by the outbox, a RabbitMQ node of the attack's own, and the inbox. Processes on both
 * sides are killed, at random moments and at each named point in turn; the broker is cut off, falls silent, freezes and crashes. Every
 * committed order must be billed, and billed once. The number of orders grows with `--seconds`: 500 for each, up to 10,000.
 */
export const eventsAttack: Attack = {
  name: 'events',
  fits: ({ placement }) => placement === 'one',
  lacks: whyNoBroker,
  async run({ target, random, seconds, surroundings, report }) {
    const { root, servers, rate } = surroundings;
    const closing: (() => Promise<unknown>)[] = [];
    try {
      const broker = await startOwnBroker();
      closing.push(() => broker.stop());
      const proxies: NetworkProxy[] = [];
      for (let side = 0; side < 2; side += 1) {
        const proxy = await NetworkProxy.start(broker.url);
        proxies.push(proxy);
        closing.push(() => proxy.stop());
      }
      const [toOrders, toBilling] = proxies.map(({ url }) => url) as [string, string];
      const scene = await Scene.open(target, random, surroundings, { processes: PROCESSES });
      closing.push(() => scene.close());
      const environment = { root, broker: toBilling, timing: TIMING, processes: PROCESSES };
      const billing = await Billing.open(target.backend, servers, random.fork(), environment);
      closing.push(() => billing.close());

      // The queue is there before the first event: one that no queue takes is no event of this attack.
      // The first processes of both sides die where a message is repeated, whatever becomes of the later ones.
      billing.vary = () => ({ point: 'inbox:committed', passage: 1, action: 'kill' });
      await billing.start();
      scene.broker = toOrders;
      await scene.start(() => ({
        fault: { point: 'event:sent', passage: 1, action: 'kill' },
      }));
      scene.vary = () => ({ fault: faultAt(PUBLISHING, random) });
      billing.vary = () => faultAt(RECEIVING, random);

      const count = Math.min(MAX_ORDERS, Math.round(seconds * PER_SECOND));
      const client = scene.client('v', UNANSWERED);
      const sending = (): WorkerProcess | undefined =>
        scene.fleet.current.find(({ usable, seen }) => usable && seen.published);
      const plans = random.fork();
      const placedAll = (): boolean => scene.ledger.entries.size >= count;
      const patience = performance.now() + PATIENCE_MS + (PATIENCE_TIMES * 1000 * count) / rate;
      let over = false;
      const ended = (): boolean => over || placedAll() || performance.now() > patience;
      const planOf = (order: string): JobPlan => ({
        order,
        ownGid: plans.chance(0.5),
        fate: plans.chance(0.1) ? 'rollback' : 'commit',
        steps: [],
        event: true,
      });
      const figures: Record<string, number> = {};
      const parts = [
        client.run(rate, planOf, ended),
        killing(() => random.pick([scene.fleet, billing]).any(), random.fork(), ended),
        disturbing(broker, proxies, sending, random.fork(), ended, figures),
      ];
      // The others would go on for as long as orders are missing.
      await Promise.all(parts).finally(() => (over = true));
      const published = await scene.settle(120_000);
      const received = await billing.settle(broker, 60_000);
      const verdict = checkBills(
        await scene.judge(),
        scene.ledger.entries.values(),
        new Set(
          (await scene.business.query<{ id: string }>('SELECT id FROM proof_orders')).map(({ id }) => id),
        ),
        await billing.bills(),
      );
      const lives = [...scene.fleet.lives, ...billing.lives];
      const killedAt: Record<string, number> = {};
      for (const { fault } of lives) if (fault !== undefined) killedAt[fault] = (killedAt[fault] ?? 0) + 1;
      report(verdict, {
        orders: scene.ledger.entries.size,
        kills: lives.filter(({ killed }) => killed).length,
        ...figures,
        duplicates: billing.duplicates,
        crashes: crashesOf(lives),
        settled: placedAll() && published && received,
        killedAt,
        broker: `RabbitMQ ${(await broker.look(QUEUE)).version}`,
      });
    } finally {
      await closeAll(closing.reverse());
    }
  },
};

/** Closes all of them, whatever becomes of each. */
async function closeAll(closing: readonly (() => Promise<unknown>)[]): Promise<void> {
  const ends = await Promise.allSettled(closing.map((close) => close()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** What processes tell of when they have done something. */
const WORK = ['answer', 'billed', 'duplicate'];

/** Half of the processes die at a named point. */
function faultAt(points: readonly string[], random: Random): FaultSettings | undefined {
  if (!random.chance(0.5)) return undefined;
  return { point: random.pick(points), passage: random.whole(1, 60), action: 'kill' };
}

async function killing(
  any: () => WorkerProcess | undefined,
  random: Random,
  ended: () => boolean,
): Promise<void> {
  while (!ended()) {
    await sleep(random.whole(500, 1500));
    const worker = any();
    // Otherwise many would die before they come to anything.
    if (worker && WORK.some((type) => worker.seen[type])) worker.kill();
  }
}

/** At least one of each, and on until the orders are placed. */
async function disturbing(
  broker: OwnBroker,
  proxies: readonly NetworkProxy[],
  sending: () => WorkerProcess | undefined,
  random: Random,
  ended: () => boolean,
  figures: Record<string, number>,
): Promise<void> {
  const count = (name: string, times = 1): void => void (figures[name] = (figures[name] ?? 0) + times);
  const cut = (): void => {
    for (const proxy of proxies) count('connectionsCut', proxy.cut(random.pick(['half', 'whole'] as const)));
  };
  /** What was sent meanwhile has not arrived, and never will. */
  const stall = async (): Promise<void> => {
    await until(() => ended() || sending(), SENDING_MS);
    const sender = sending();
    const answers = sender?.seen.answer ?? 0;
    for (const proxy of proxies) proxy.stall(true);
    const sent = (): boolean => (sender?.seen.answer ?? 0) >= answers + MEANWHILE;
    await until(() => ended() || !sender?.usable || sent(), SENDING_MS);
    await sleep(STALL_MS);
    for (const proxy of proxies) {
      proxy.cut('whole');
      proxy.stall(false);
    }
    count('stalls');
    // It has died, and others have taken over what it had sent.
    if (!ended() && !sender?.usable) await stall();
  };
  const disturbances = [
    stall,
    async () => {
      for (let times = 0; times < 4; times += 1) {
        cut();
        await sleep(random.whole(100, 600));
      }
    },
    async () => {
      for (const proxy of proxies) count('connectionsSilent', proxy.silence());
      await sleep(SILENCE_MS);
    },
    stall,
    async () => {
      broker.freeze();
      await sleep(SILENCE_MS);
      broker.thaw();
      count('brokerFrozen');
    },
    async () => {
      broker.freeze();
      await sleep(STALL_MS);
      await broker.crash();
      count('brokerCrashes');
    },
  ];
  do {
    for (const disturb of disturbances) {
      await sleep(random.whole(500, 1000));
      await disturb();
    }
  } while (!ended());
}
