import type { Attack } from '../run.js';
import { Operator } from '../operator.js';
import type { OperatorAction, OperatorFilter } from '../operator-call.js';
import { randomPlan, type JobPlan, type StepKind, type StepPlan } from '../plan.js';
import type { Random } from '../random.js';
import { Scene, TIMING } from '../scene.js';
import { sleep, until } from '../wait.js';

const HEARTBEAT_MS = 500;
/** Until every process must know of a pause, and for as long again. */
const PAUSE_MS = 4500;
const PAUSED: readonly StepKind[] = ['append', 'strict', 'book'];
/** On a busy machine, the attack goes on until the operator has done something. */
const PATIENCE_MS = 30_000;
const LEAST = { edit: 5, skip: 5, resume: 1 };
/** Of the newest jobs. */
const LOOKED_AT = 100;

/**
 * An operator pauses and resumes steps, skips steps, gives failed jobs other arguments, and retries and cancels one by one and in bulk, while
 * jobs run in processes that are killed. Two orders may run at the same time, in two processes.
 */
export const operatorAttack: Attack = {
  name: 'operator',
  fits: ({ placement }) => placement !== 'dtm',
  async run({ target, random, seconds, surroundings, report }) {
    const scene = await Scene.open(target, random, surroundings, {
      timing: { ...TIMING, heartbeat: HEARTBEAT_MS },
    });
    try {
      await scene.start();
      const client = scene.client('o');
      const operator = new Operator(scene.fleet, scene.ledger);
      const end = performance.now() + seconds * 1000;
      const ended = (): boolean => {
        const late = performance.now() - end;
        return late >= (hasSteered(scene) ? 0 : PATIENCE_MS);
      };
      const plans = random.fork();
      await Promise.all([
        client.run(surroundings.rate / 4, (order) => planOf(order, plans), ended),
        steering(scene, operator, random.fork(), ended),
        pausing(operator, random.fork(), ended),
        killing(scene, random.fork(), ended),
      ]);
      const resumed = await resumeAll(operator);
      const settled = (await scene.settle(60_000)) && resumed;
      const verdict = await scene.judge();
      report(verdict, { kills: scene.fleet.kills, settled, ...figuresOf(scene) });
    } finally {
      await scene.close();
    }
  },
};

/** Every second job waits for somebody: its arguments are wrong, it fails for good, or it is due later. */
function planOf(order: string, random: Random): JobPlan {
  const plan = randomPlan(order, random, 60);
  const drawn = random.next();
  const extra: StepPlan[] = [];
  if (drawn < 0.35) extra.push({ kind: 'strict', work: random.whole(0, 30), wrong: true });
  else if (drawn < 0.5) extra.push({ kind: 'doomed', work: 0 });
  else if (drawn < 0.65) extra.push({ kind: random.pick(['append', 'book'] as const), work: 400 });
  const steps = [...plan.steps];
  steps.splice(random.whole(0, steps.length), 0, ...extra);
  const fate = plan.fate === 'rollback' ? 'commit' : plan.fate;
  return { ...plan, fate, steps };
}

async function steering(
  scene: Scene,
  operator: Operator,
  random: Random,
  ended: () => boolean,
): Promise<void> {
  const open = new Set<Promise<unknown>>();
  let versions = 0;
  while (!ended()) {
    await sleep(random.whole(5, 40));
    const [worker] = operator.idle;
    const entry = recent(scene, random);
    if (!worker || !entry) continue;
    const action = draw(entry.plan, entry.gid, random, () => `v${(versions += 1)}`);
    const answered: Promise<unknown> = operator.order(worker, action).finally(() => open.delete(answered));
    open.add(answered);
  }
  await Promise.all(open);
}

/** One of the newest jobs whose gid is known. */
function recent(scene: Scene, random: Random): { readonly plan: JobPlan; readonly gid: string } | undefined {
  const known = [...scene.ledger.entries.values()]
    .slice(-LOOKED_AT)
    .flatMap(({ plan, gid }) => (gid === null ? [] : [{ plan, gid }]));
  return known.length > 0 ? random.pick(known) : undefined;
}

function draw(plan: JobPlan, gid: string, random: Random, version: () => string): OperatorAction {
  const drawn = random.next();
  const isStrict = plan.steps.some(({ kind }) => kind === 'strict');
  const stops = plan.steps.findIndex(({ kind }) => kind === 'strict' || kind === 'doomed');
  if (isStrict && random.chance(0.6)) {
    const args = { order: plan.order, work: random.whole(0, 30), version: version() };
    return { do: 'edit', gid, args: { ...args, wrong: random.chance(0.4) } };
  }
  if (drawn < 0.65) {
    const step = stops !== -1 && random.chance(0.4) ? stops : random.whole(0, plan.steps.length - 1);
    return { do: 'skip', gid, step };
  }
  if (drawn < 0.75) return { do: 'retry', gid };
  if (drawn < 0.8) return { do: 'cancel', gid };
  const filter: OperatorFilter = { step: random.pick(['strict', 'doomed'] as const), status: 'failed' };
  if (drawn < 0.95) return { do: 'retryAll', filter, spread: random.pick([0, 100, 1000]) };
  const submitted: OperatorFilter = { step: random.pick(PAUSED), status: 'submitted' };
  return { do: 'cancelAll', filter: random.pick([filter, submitted]), limit: 5 };
}

/** One step after the other. A pause that is not acknowledged is ended as well. */
async function pausing(operator: Operator, random: Random, ended: () => boolean): Promise<void> {
  const first = random.whole(0, PAUSED.length - 1);
  for (let at = first; !ended(); at += 1) {
    const step = PAUSED[at % PAUSED.length]!;
    const worker = await idle(operator);
    if (!worker) continue;
    await operator.order(worker, { do: 'pause', step });
    await sleep(PAUSE_MS);
    await resume(operator, step);
  }
}

async function resume(operator: Operator, step: StepKind): Promise<boolean> {
  for (let tries = 0; tries < 20; tries += 1) {
    const worker = await idle(operator);
    if (worker && (await operator.order(worker, { do: 'resume', step })).outcome === 'done') return true;
  }
  return false;
}

async function resumeAll(operator: Operator): Promise<boolean> {
  for (const step of PAUSED) if (!(await resume(operator, step))) return false;
  return true;
}

async function idle(operator: Operator) {
  await until(() => operator.idle.length > 0, 10_000, 5);
  return operator.idle[0];
}

async function killing(scene: Scene, random: Random, ended: () => boolean): Promise<void> {
  while (!ended()) {
    await until(ended, random.whole(800, 2500), 50);
    // Somebody must be there to be told something.
    const serving = scene.fleet.current.filter(({ usable }) => usable).length;
    if (!ended() && serving > 1) scene.fleet.any()?.kill();
  }
}

function hasSteered(scene: Scene): boolean {
  const figures = figuresOf(scene);
  return Object.entries(LEAST).every(([action, least]) => (figures[action] ?? 0) >= least);
}

function figuresOf({ ledger }: Scene): Record<string, number> {
  const figures: Record<string, number> = {};
  const count = (name: string) => (figures[name] = (figures[name] ?? 0) + 1);
  for (const { action, outcome, error } of ledger.calls.values()) {
    if (outcome === 'done') count(action.do);
    else count(outcome === 'refused' ? 'refused' : (error ?? 'unansweredCalls'));
  }
  return figures;
}
