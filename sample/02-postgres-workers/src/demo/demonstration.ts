import { DEFAULT_DATABASE_URL } from '../config/depot.config.js';
import { audit } from './audit.js';
import { DepotProcess, type Role } from './depot-process.js';
import { DepotSchema, type LabelRunRecord } from './depot-records.js';
import { until } from './until.js';

const PARCELS = 60;
const PRINTING_TIME_MS = 300;
/** The worker dies with this many unfinished labels. */
const CAUGHT_AT_LEAST = 2;
const FINISHED_BEFORE = 10;

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
  const demonstration = new Demonstration(databaseUrl, opened);
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
  });
  try {
    return await Promise.race([demonstration.run(), stopped]);
  } catch (error) {
    say(`\nThe demonstration failed: ${reasonOf(error)}`);
    return 1;
  } finally {
    await demonstration.end('SIGKILL');
    await opened.drop();
  }
}

class Demonstration {
  private readonly accepted = new Set<string>();
  private readonly processes = new Set<DepotProcess>();

  constructor(
    private readonly databaseUrl: string,
    private readonly schema: DepotSchema,
  ) {}

  async run(): Promise<number> {
    say('nestjs-stepping, sample 02: an API process and two workers on PostgreSQL');

    heading('1. Three processes');
    const api = await this.start('api');
    say(`   process ${api.pid} answers requests and starts jobs (runSteps: false)`);
    const workers = [await this.start('worker'), await this.start('worker')] as const;
    for (const { pid } of workers) say(`   process ${pid} is a worker`);

    heading('2. One parcel');
    await this.registerOne(api);

    heading(`3. ${PARCELS} parcels, and SIGKILL to a worker in the middle`);
    const [victim, survivor] = workers;
    await this.registerMany(api);
    const { caught, killedAt } = await this.killInTheMiddle(victim);

    heading('4. The other worker takes over');
    await this.awaitTakeOver(caught, killedAt, survivor);
    await until('all jobs have ended', 60, async () => {
      const { jobs } = await this.schema.read();
      return jobs.every(({ status }) => status !== 'submitted') || undefined;
    });

    heading('5. What the database says');
    await this.end('SIGTERM');
    return this.summarize(api.pid);
  }

  /** Stops all running processes. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await Promise.all([...this.processes].map((process) => process.end(signal)));
    this.processes.clear();
  }

  private async start(role: Role): Promise<DepotProcess> {
    const started = await DepotProcess.start(role, {
      DATABASE_URL: this.databaseUrl,
      DATABASE_SCHEMA: this.schema.name,
      PORT: '0',
      PRINTING_TIME_MS: String(PRINTING_TIME_MS),
    });
    this.processes.add(started);
    return started;
  }

  private async register(api: DepotProcess, number: string): Promise<void> {
    const parcel = { number, recipient: 'Ada Brandt', city: 'Leipzig', grams: 1200 };
    const status = await api.post('/parcels', parcel);
    if (status !== 201) throw new Error(`Parcel ${number} was answered with ${status}`);
    this.accepted.add(number);
  }

  private async registerOne(api: DepotProcess): Promise<void> {
    await this.register(api, 'P-10000');
    const { registeredAt, pid, bookedAt } = await until('its carrier is booked', 20, async () => {
      const { parcels, bookings } = await this.schema.read();
      return bookings[0] && { ...parcels[0]!, ...bookings[0] };
    });
    const took = bookedAt.getTime() - registeredAt.getTime();
    say(
      `   stored by process ${api.pid}, its carrier booked by process ${pid}, ${took} ms after its INSERT:`,
    );
    say('   the workers are told of new jobs by NOTIFY');
  }

  private async registerMany(api: DepotProcess): Promise<void> {
    const numbers = Array.from({ length: PARCELS }, (_, index) => `P-${10_001 + index}`);
    while (numbers.length > 0) {
      await Promise.all(numbers.splice(0, 10).map((number) => this.register(api, number)));
    }
    say(`   POST /parcels: ${PARCELS} accepted`);
  }

  private async killInTheMiddle(
    victim: DepotProcess,
  ): Promise<{ caught: readonly LabelRunRecord[]; killedAt: Date }> {
    const openOf = (runs: readonly LabelRunRecord[]) =>
      runs.filter(({ pid, finishedAt }) => pid === victim.pid && !finishedAt);
    await until('the worker prints several labels at once', 30, async () => {
      const { labelRuns } = await this.schema.read();
      const finished = labelRuns.filter(({ finishedAt }) => finishedAt).length;
      return (finished >= FINISHED_BEFORE && openOf(labelRuns).length >= CAUGHT_AT_LEAST) || undefined;
    });
    await victim.end('SIGKILL');
    this.processes.delete(victim);
    const killedAt = await this.schema.now();

    const { labelRuns, jobs } = await this.schema.read();
    const caught = openOf(labelRuns);
    if (caught.length === 0)
      throw new Error('The worker had no label under way: run the demonstration again');
    const open = jobs.filter(({ status }) => status === 'submitted').length;
    say(`   process ${victim.pid} was killed with SIGKILL, ${caught.length} labels in its printer;`);
    say(`   ${open} of ${jobs.length} jobs are not done`);
    return { caught, killedAt };
  }

  private async awaitTakeOver(
    caught: readonly LabelRunRecord[],
    killedAt: Date,
    survivor: DepotProcess,
  ): Promise<void> {
    const again = await until('the other worker has begun with all of them', 60, async () => {
      const { labelRuns } = await this.schema.read();
      const found = caught.map(({ parcelNumber }) =>
        labelRuns.find((run) => run.parcelNumber === parcelNumber && run.pid === survivor.pid),
      );
      return found.every((run) => run !== undefined) ? found : undefined;
    });
    const delays = again.map(({ startedAt }) => startedAt.getTime() - killedAt.getTime());
    say(`   process ${survivor.pid} prints the ${again.length} labels again`);
    say(
      `   the first one ${seconds(Math.min(...delays))} after the kill, the last ${seconds(Math.max(...delays))} after it:`,
    );
    say('   a lease lasts 5 s, and expired ones are looked for every second');
  }

  private async summarize(apiPid: number): Promise<number> {
    const records = await this.schema.read();
    const { parcels, jobs, bookings, labelRuns } = records;
    const differences = audit({ records, accepted: this.accepted, apiPid });
    const printed = labelRuns.filter(({ finishedAt }) => finishedAt);
    const labels = new Set(printed.map(({ idempotencyKey }) => idempotencyKey)).size;
    row('parcels accepted', this.accepted.size);
    row('parcels', parcels.length, 'in the database');
    row('jobs', jobs.filter(({ status }) => status === 'succeeded').length, 'succeeded');
    row('bookings', bookings.length, 'exactly one each: their step is transactional');
    row('labels', labels, `printed, in ${labelRuns.length} runs of the printer`);
    row('differences', differences.length);
    for (const difference of differences) say(`     - ${difference}`);
    if (differences.length > 0) {
      say('\nLost or wrong: see the differences above.');
      return 1;
    }
    say('\nLost: nothing. Every accepted parcel has one booking and a label.');
    say(`Repeated: ${labelRuns.length - labels} labels, which the worker had not finished when it died.`);
    return 0;
  }
}

function heading(text: string): void {
  say(`\n${text}`);
}

function row(name: string, count: number, remark = ''): void {
  say(`   ${name.padEnd(18)}${String(count).padStart(6)}  ${remark}`.trimEnd());
}

function say(text: string): void {
  console.log(text);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
