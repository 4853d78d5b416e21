import type { ToldSpan } from '../telemetry/tracing.js';
import { DepotProcess, type Role } from './depot-process.js';
import type { DepotSchema } from './depot-records.js';
import { until } from './until.js';

/** How long a label takes. */
const PRINTING_TIME_MS = 300;
const AT_ONCE = 10;

/** The depot of one demonstration: its processes, its schema, and which parcels it has accepted. */
export class Depot {
  readonly accepted = new Set<string>();
  private readonly running = new Set<DepotProcess>();
  private readonly started: DepotProcess[] = [];
  private nextNumber = 10_000;

  constructor(
    private readonly databaseUrl: string,
    readonly schema: DepotSchema,
  ) {}

  async start(role: Role): Promise<DepotProcess> {
    const started = await DepotProcess.start(role, {
      DATABASE_URL: this.databaseUrl,
      DATABASE_SCHEMA: this.schema.name,
      PORT: '0',
      PRINTING_TIME_MS: String(PRINTING_TIME_MS),
    });
    this.running.add(started);
    this.started.push(started);
    return started;
  }

  async kill(process: DepotProcess): Promise<void> {
    await process.end('SIGKILL');
    this.running.delete(process);
  }

  /** Stops all running processes. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await Promise.all([...this.running].map((process) => process.end(signal)));
    this.running.clear();
  }

  /** Sends so many new parcels and returns their numbers. */
  async register(api: DepotProcess, count: number): Promise<readonly string[]> {
    const numbers = Array.from({ length: count }, () => `P-${this.nextNumber++}`);
    for (let at = 0; at < count; at += AT_ONCE) {
      await Promise.all(numbers.slice(at, at + AT_ONCE).map((number) => this.registerOne(api, number)));
    }
    return numbers;
  }

  /** The spans of all processes, also of those that have ended. */
  get spans(): readonly ToldSpan[] {
    return this.started.flatMap(({ spans }) => spans);
  }

  async allJobsEnded(): Promise<void> {
    await until('all jobs have ended', 60, async () => {
      const { jobs } = await this.schema.read();
      return jobs.every(({ status }) => status !== 'submitted') || undefined;
    });
  }

  private async registerOne(api: DepotProcess, number: string): Promise<void> {
    await api.post('/parcels', { number, recipient: 'Ada Brandt', city: 'Leipzig', grams: 1200 });
    this.accepted.add(number);
  }
}
