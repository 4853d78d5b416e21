import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from '../contenders/contender.ts';
import { entryNamed } from '../contenders/entries.ts';
import { Executions, now } from '../executions.ts';
import { orderOf } from '../orders.ts';
import { Watch } from '../server/watch.ts';
import type { Commands, ProcessSettings, Request, Response, Usage } from './messages.ts';

type Handlers = {
  [C in keyof Commands]: (
    ...params: Commands[C]['params']
  ) => Promise<Commands[C]['answer']> | Commands[C]['answer'];
};

const PENDING_PAUSE_MS = 2;
const PROGRESS_MS = 10;
const MEMORY_MS = 200;

const settings = JSON.parse(process.argv[2]!) as ProcessSettings;
const entry = entryNamed(settings.contender);
const executions = new Executions();
const watch = new Watch(settings.jobsUrl ?? settings.url);
let contender: Contender;
let cpuAtStart = 0;
let memoryAtStart = 0;
let memoryAtMost = 0;

const handlers: Handlers = {
  async open() {
    const { jobsUrl, shardUrls = [], ...rest } = settings;
    contender = await entry.make({ ...rest, jobsUrl, shardUrls, executions, watch });
    await contender.open();
    if (settings.role === 'worker') reportProgress();
    cpuAtStart = cpu();
    memoryAtStart = memoryAtMost = process.memoryUsage.rss();
    setInterval(() => {
      memoryAtMost = Math.max(memoryAtMost, process.memoryUsage.rss());
    }, MEMORY_MS).unref();
  },

  async run(from, count, producers) {
    const begin = performance.now();
    const expected = executions.total + count * (entry.withoutJobs ? 0 : settings.steps);
    await place(from, count, producers);
    await executions.reached(expected);
    while (await contender.pending()) await sleep(PENDING_PAUSE_MS);
    return performance.now() - begin;
  },

  async place(from, count, producers) {
    const begin = performance.now();
    await place(from, count, producers);
    return performance.now() - begin;
  },

  async pace(from, count, perSecond) {
    executions.timed = true;
    const committed: Record<number, string> = {};
    const placing: Promise<void>[] = [];
    const begin = performance.now();
    for (let at = 0; at < count; at += 1) {
      const wait = begin + (at * 1000) / perSecond - performance.now();
      if (wait > 0) await sleep(wait);
      const id = from + at;
      placing.push(contender.place(orderOf(id)).then(() => void (committed[id] = String(now()))));
    }
    await Promise.all(placing);
    return committed;
  },

  pending: () => contender.pending(),
  executions: () => executions.report(),

  reached: (total) => executions.reached(total),
  forget: () => executions.forget(),

  collect() {
    globalThis.gc!();
    const { heapUsed, rss } = process.memoryUsage();
    return { heap: heapUsed, memory: rss };
  },

  usage(): Usage {
    return { cpu: cpu() - cpuAtStart, memoryAtStart, memoryAtMost };
  },

  async close() {
    await contender.close();
    await watch.close();
  },
};

async function place(from: number, count: number, producers: number): Promise<void> {
  let next = from;
  const end = from + count;
  const produce = async (): Promise<void> => {
    while (next < end) await contender.place(orderOf(next++));
  };
  await Promise.all(Array.from({ length: producers }, produce));
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function reportProgress(): void {
  executions.timed = true;
  let reported = 0;
  setInterval(() => {
    if (executions.total === reported) return;
    reported = executions.total;
    process.send!({ progress: reported });
  }, PROGRESS_MS).unref();
}

process.on('message', ({ id, command, params }: Request) => {
  const handler = handlers[command] as (...args: unknown[]) => unknown;
  Promise.resolve()
    .then(() => handler(...params))
    .then(
      (answer) => answerWith({ id, answer }),
      (error: unknown) => answerWith({ id, error: error instanceof Error ? error.stack! : String(error) }),
    )
    .finally(() => {
      if (command === 'close') process.disconnect!();
    })
    .catch(() => undefined);
});

function answerWith(response: Response): void {
  process.send!(response);
}
