import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sumOf, type Counted } from './statement-counter.ts';

const PROGRAM = fileURLToPath(new URL('./applications.ts', import.meta.url));
/** Of any command. */
const TIMEOUT_MS = 120_000;

export interface ProcessSettings {
  readonly kind: 'postgres' | 'mysql';
  readonly url: string;
  /** How many applications the process has. */
  readonly applications: number;
  readonly poolSize: number;
  readonly runSteps: boolean;
}

export type Command =
  | { readonly name: 'open' | 'take' | 'close' }
  | { readonly name: 'load'; readonly perSecond: number; readonly seconds: number }
  | { readonly name: 'wait'; readonly jobsEach: number; readonly ms: number; readonly delay: number }
  | { readonly name: 'scrape'; readonly everyMs: number };

/** What happened since it was last asked. */
export interface Taken {
  readonly counted: Counted;
  /** Steps. */
  readonly ran: number;
  /** Milliseconds from `start()` to the step, of each. */
  readonly delays: readonly number[];
}

export interface Report {
  readonly count: number;
  readonly taken?: Taken;
  readonly error?: string;
}

/** A child process. It is sent one command at a time. */
class Member {
  private readonly child: ChildProcess;

  constructor(settings: ProcessSettings) {
    this.child = fork(PROGRAM, [JSON.stringify(settings)], {
      execArgv: ['--no-deprecation', '--no-warnings'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
  }

  ask(command: Command): Promise<Report> {
    const { child } = this;
    return new Promise<Report>((resolve, reject) => {
      const settle = (work: () => void): void => {
        clearTimeout(timer);
        child.off('message', answered).off('exit', ended);
        work();
      };
      const answered = (report: Report): void =>
        settle(() => (report.error === undefined ? resolve(report) : reject(new Error(report.error))));
      const ended = (code: number | null): void =>
        settle(() => reject(new Error(`A process of the fleet ended with ${code}.`)));
      const timer = setTimeout(
        () => settle(() => reject(new Error(`'${command.name}' was not answered in time.`))),
        TIMEOUT_MS,
      );
      child.on('message', answered).on('exit', ended);
      child.send(command);
    });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    await this.ask({ name: 'close' });
    const late = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** Processes with applications on one database. */
export class Fleet {
  private readonly members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** @param settings of each process. */
  static async open(settings: readonly ProcessSettings[]): Promise<Fleet> {
    const fleet = new Fleet(settings.map((each) => new Member(each)));
    try {
      // The first one creates the tables.
      for (const member of fleet.members) await member.ask({ name: 'open' });
    } catch (error) {
      fleet.kill();
      throw error;
    }
    return fleet;
  }

  /** Sends all processes a command. Returns the sum of what they answer. */
  async ask(command: Command): Promise<number> {
    const reports = await Promise.all(this.members.map((member) => member.ask(command)));
    return reports.reduce((sum, { count }) => sum + count, 0);
  }

  async take(): Promise<Taken> {
    const reports = await Promise.all(this.members.map((member) => member.ask({ name: 'take' })));
    const all = reports.map(({ taken }) => taken!);
    return {
      counted: sumOf(all.map(({ counted }) => counted)),
      ran: all.reduce((sum, { ran }) => sum + ran, 0),
      delays: all.flatMap(({ delays }) => delays),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }

  kill(): void {
    for (const member of this.members) member.kill();
  }
}
