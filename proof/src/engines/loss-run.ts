import { randomPlan } from '../plan.js';
import { Random } from '../random.js';
import { checkEvidence } from '../checker.js';
import { readEvidence } from '../evidence-reader.js';
import type { Evidence } from '../evidence.js';
import type { LedgerEntry } from '../ledger.js';
import { Scene } from '../scene.js';
import { FORBIDDEN, type Forbidden } from '../verdict.js';
import { sleep } from '../wait.js';
import type { FurtherRun, RunSettings } from './engine.js';
import type { PostgresPair } from './postgres-pair.js';

const PROCESSES = 2;
const BEFORE_MS = 3_000;
/** How long the standby gets nothing while orders are acknowledged. */
const CUT_OFF_MS = 2_000;
const AFTER_MS = 3_000;

/** Judged by what plain steps have recorded of themselves in the same database, which is lost as well. */
const BY_RECORDS: readonly Forbidden[] = ['stepsMissing', 'outOfOrder', 'overlaps'];
const JUDGED = FORBIDDEN.filter((kind) => !BY_RECORDS.includes(kind));

/**
 * A standby that lacks the last two seconds takes over. Orders that were acknowledged are lost then, whoever keeps their jobs: what
 * has to hold is that an order and its job are lost together, and that everything else is as it should be.
 */
export async function lossRun(pair: PostgresPair, settings: RunSettings): Promise<FurtherRun> {
  const { repository, root, rate, seed } = settings;
  const random = new Random(seed + 1);
  const { url } = pair.proxy;
  const surroundings = { repository, root, servers: { postgres: url }, own: {}, rate };
  const target = { backend: 'postgres', placement: 'one' } as const;
  await pair.primary.waitsForNobody();
  const scene = await Scene.open(target, random, surroundings, { processes: PROCESSES });
  try {
    scene.connectionsCut = true;
    await scene.start();
    const client = scene.client('a');
    const plans = random.fork();
    const end = performance.now() + BEFORE_MS + CUT_OFF_MS + AFTER_MS;
    await Promise.all([
      client.run(
        rate,
        (order) => randomPlan(order, plans),
        () => performance.now() >= end,
      ),
      (async () => {
        await sleep(BEFORE_MS);
        await pair.standby.cutOff();
        await sleep(CUT_OFF_MS);
        await pair.crash(random);
      })(),
    ]);
    await scene.reconnect();
    const settled = await scene.settle(60_000);
    await scene.fleet.shutDown();
    return judge(await readEvidence(scene), settled);
  } finally {
    await scene.close();
  }
}

function judge(evidence: Evidence, settled: boolean): FurtherRun {
  const lost = evidence.ledger.filter((entry) => isLost(entry, evidence));
  const verdict = checkEvidence({
    ...evidence,
    ledger: evidence.ledger.filter((entry) => !lost.includes(entry)),
  });
  const halves = lost.filter(({ gid, plan }) => {
    const booked = plan.steps.some((_, step) => evidence.bookings.has(`${plan.order}/${step}`));
    return booked || (gid !== null && evidence.jobs.has(gid));
  });
  const orders = new Set(lost.map(({ plan }) => plan.order));
  const begun = evidence.effects.filter(({ order }) => orders.has(order));
  const broken = JUDGED.filter((kind) => verdict.forbidden[kind] > 0);
  const clean = broken.length === 0 && halves.length === 0 && settled;
  const acknowledged = evidence.ledger.filter(({ outcome }) => outcome === 'committed').length;
  return {
    clean,
    lines: [
      `${clean ? 'ok  ' : 'FAIL'} asynchronous standby, cut off for ${CUT_OFF_MS} ms: ${acknowledged} orders acknowledged, ` +
        `${lost.length} of them lost with their jobs; ${halves.length} lost by halves, ` +
        `${begun.length} plain steps of lost orders ran afterwards, ${verdict.plainRepeated} plain steps repeated, ` +
        `${verdict.forbidden.bookingsDoubled} doubled${settled ? '' : ', jobs left open'}`,
      ...broken.map((kind) => `     ${kind}: ${verdict.forbidden[kind]}`),
      ...(broken.length > 0 ? verdict.violations.map((violation) => `     ${violation}`) : []),
    ],
  };
}

/** It was acknowledged, and is not there. */
function isLost({ outcome, gid, plan }: LedgerEntry, { orders, jobs }: Evidence): boolean {
  if (outcome !== 'committed') return false;
  return plan.fate === 'alone' ? gid === null || !jobs.has(gid) : !orders.has(plan.order);
}
