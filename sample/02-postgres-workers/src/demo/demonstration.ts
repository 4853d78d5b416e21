import { DEFAULT_DATABASE_URL } from '../config/depot.config.js';
import { awaitTakeOver, killInTheMiddle, seeItGone } from './crash.js';
import { DepotSchema } from './depot-records.js';
import { Depot } from './depot.js';
import { sendFirstParcel } from './first-parcel.js';
import { printAudit, retryAfterOutage } from './outage.js';
import { pauseLabels } from './pause.js';
import { summarize } from './summary.js';
import { heading, say } from './terminal.js';

const PARCELS = 60;

/** Runs the demonstration in the terminal and returns the exit code: 2 where there is no PostgreSQL. */
export async function runDemonstration(): Promise<number> {
  const databaseUrl = process.env.DATABASE_URL ?? DEFAULT_DATABASE_URL;
  const opened = await DepotSchema.create(databaseUrl, `stepping_sample_02_${process.pid}`).catch(reasonOf);
  if (typeof opened === 'string') {
    console.error(`This sample needs PostgreSQL, and cannot use it: ${opened}`);
    console.error(
      `Set DATABASE_URL to a server that may be used; without it, ${DEFAULT_DATABASE_URL} is tried.`,
    );
    return 2;
  }
  const depot = new Depot(databaseUrl, opened);
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
  });
  try {
    return await Promise.race([demonstrate(depot), stopped]);
  } catch (error) {
    say(`\nThe demonstration failed: ${reasonOf(error)}`);
    return 1;
  } finally {
    await depot.end('SIGKILL');
    await opened.drop();
  }
}

async function demonstrate(depot: Depot): Promise<number> {
  say('nestjs-stepping, sample 02: an API process and two workers on PostgreSQL');

  heading('1. Three processes');
  const api = await depot.start('api');
  say(`   process ${api.pid} answers requests and starts jobs (runSteps: false)`);
  say(`   its dashboard tells of all three, while they run: ${api.dashboard}`);
  const [victim, survivor] = [await depot.start('worker'), await depot.start('worker')];
  for (const { pid } of [victim, survivor]) say(`   process ${pid} is a worker`);

  heading('2. One parcel, and its trace');
  await sendFirstParcel(depot, api);

  heading(`3. ${PARCELS} parcels, and SIGKILL to a worker in the middle`);
  await depot.register(api, PARCELS);
  say(`   POST /parcels: ${PARCELS} accepted`);
  const crash = await killInTheMiddle(depot, victim);
  await seeItGone(depot, api, crash, victim);

  heading('4. The other worker takes over');
  await awaitTakeOver(depot, crash, survivor);
  await depot.allJobsEnded();
  const replacement = await depot.start('worker');
  say(`   process ${replacement.pid} is a new worker, in place of the dead one`);

  heading('5. A paused step');
  await pauseLabels(depot, api);

  heading('6. An outage of the printer, and a retry of all that has failed');
  await retryAfterOutage(depot, api);

  heading('7. What was done by hand: GET /operations/audit');
  await printAudit(api);

  heading('8. What the database says');
  await depot.end('SIGTERM');
  return summarize(depot, api.pid);
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
