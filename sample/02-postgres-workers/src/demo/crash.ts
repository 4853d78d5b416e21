import { setTimeout as wait } from 'node:timers/promises';
import type { ProcessInfo } from 'nestjs-stepping';
import type { DepotProcess } from './depot-process.js';
import type { LabelRunRecord } from './depot-records.js';
import type { Depot } from './depot.js';
import { say, seconds } from './terminal.js';
import { until } from './until.js';

/** The worker dies with this many unfinished labels. */
const CAUGHT_AT_LEAST = 2;
const FINISHED_BEFORE = 10;
/** The database may still be at statements that a halted process has sent. */
const STATEMENTS_END_MS = 100;

/** What the worker had in its printer when it died. */
export interface Crash {
  readonly caught: readonly LabelRunRecord[];
  readonly killedAt: Date;
}

/** Kills a worker while it prints. It is halted for a last look, so that it cannot finish its labels between the look and the kill. */
export async function killInTheMiddle(depot: Depot, victim: DepotProcess): Promise<Crash> {
  const openOf = (runs: readonly LabelRunRecord[]) =>
    runs.filter(({ pid, finishedAt }) => pid === victim.pid && !finishedAt);
  await until('the worker prints several labels at once', 30, async () => {
    const { labelRuns } = await depot.schema.read();
    const finished = labelRuns.filter(({ finishedAt }) => finishedAt).length;
    if (finished < FINISHED_BEFORE || openOf(labelRuns).length < CAUGHT_AT_LEAST) return undefined;
    victim.halt();
    await wait(STATEMENTS_END_MS);
    if (openOf((await depot.schema.read()).labelRuns).length >= CAUGHT_AT_LEAST) return true;
    victim.goOn();
    return undefined;
  });
  await depot.kill(victim);
  const killedAt = await depot.schema.now();

  const { labelRuns, jobs } = await depot.schema.read();
  const caught = openOf(labelRuns);
  if (caught.length === 0) throw new Error('The worker had no label under way: run the demonstration again');
  const open = jobs.filter(({ status }) => status === 'submitted').length;
  say(`   process ${victim.pid} was killed with SIGKILL, ${caught.length} labels in its printer;`);
  say(`   ${open} of ${jobs.length} jobs are not done`);
  return { caught, killedAt };
}

/** Asks the API, which runs no steps, until it knows that this worker is dead, and nobody else. */
export async function seeItGone(
  depot: Depot,
  api: DepotProcess,
  { killedAt }: Crash,
  victim: DepotProcess,
): Promise<void> {
  const processes = await until('the dead worker counts as gone', 30, async () => {
    const all = await api.get<readonly ProcessInfo[]>('/operations/processes');
    const isTold = all.some(({ pid }) => pid === victim.pid);
    const areRight = all.every(({ pid, state }) => state === (pid === victim.pid ? 'gone' : 'alive'));
    return isTold && areRight ? all : undefined;
  });
  const after = (await depot.schema.now()).getTime() - killedAt.getTime();
  say(`   GET /operations/processes, ${seconds(after)} after the kill:`);
  for (const { pid, state, runsSteps, held } of processes) {
    const work = runsSteps ? `runs steps, holds ${held} jobs` : 'runs no steps';
    say(`     process ${String(pid).padEnd(8)} ${state.padEnd(6)} ${work}`);
  }
  say('   a process is gone after 3 heartbeats, here of 1 s; such an answer is up to 2 s old');
}

/** Waits until the other worker has begun with all that the dead one had in its printer. */
export async function awaitTakeOver(
  depot: Depot,
  { caught, killedAt }: Crash,
  survivor: DepotProcess,
): Promise<void> {
  const again = await until('the other worker has begun with all of them', 60, async () => {
    const { labelRuns } = await depot.schema.read();
    const found = caught.map(({ parcelNumber }) =>
      labelRuns.find((run) => run.parcelNumber === parcelNumber && run.pid === survivor.pid),
    );
    return found.every((run) => run !== undefined) ? found : undefined;
  });
  const delays = again.map(({ startedAt }) => startedAt.getTime() - killedAt.getTime());
  const [first, last] = [seconds(Math.min(...delays)), seconds(Math.max(...delays))];
  say(`   process ${survivor.pid} prints the ${again.length} labels again`);
  say(`   the first one ${first} after the kill, the last ${last} after it:`);
  say('   a lease lasts 5 s, and expired ones are looked for every second');
}
