import { LineLogger } from '../line-logger.js';
import { isProduction } from '../production.js';

/** Where a job was made. Holds nothing of the job itself, which could never be collected then. */
export interface MadeJob {
  readonly gid: string;
  /** The line of the stack that called `createJob()`. */
  readonly where: string;
  /** Whether its transaction has failed since, as far as is known: then nothing was forgotten. */
  readonly hasFailed: () => boolean;
}

/** To read the stack takes longer than to start a job, so under load only some jobs are watched. */
const MOST_PER_SECOND = 100;

/**
 * Warns of jobs that were given steps and then neither started nor prepared: a forgotten `start()` shows nowhere else. It is noticed when
 * the garbage collector takes the job. For development only, once for each place in the code; of the first 100 jobs of each second.
 */
export class UnstartedJobs {
  private readonly logger = new LineLogger('DistributedJobFactory');
  private readonly told = new Set<string>();
  private readonly collected = new FinalizationRegistry<MadeJob>((made) => this.tell(made));
  private second = -Infinity;
  private inSecond = 0;

  /** Undefined in production, where nothing is watched. */
  static inDevelopment(): UnstartedJobs | undefined {
    return isProduction() ? undefined : new UnstartedJobs();
  }

  /** Counts a job that was made: whether it is one of those that are watched. */
  admit(now = performance.now()): boolean {
    if (now - this.second >= 1000) {
      this.second = now;
      this.inSecond = 0;
    }
    this.inSecond += 1;
    return this.inSecond <= MOST_PER_SECOND;
  }

  watch(job: object, made: MadeJob): void {
    this.collected.register(job, made, job);
  }

  /** The job has been started, or its caller has got an error. */
  forget(job: object): void {
    this.collected.unregister(job);
  }

  private tell({ gid, where, hasFailed }: MadeJob): void {
    if (this.told.has(where) || hasFailed()) return;
    this.told.add(where);
    this.logger.warn(
      `Job ${gid} was given steps and never started, so that it will not run (it was created ${where}). Call start(), and await it. ` +
        'This warning is given once for each place in the code, and not in production.',
    );
  }
}

/** The line of the stack that called `callee`. */
export function callSite(callee: (...args: any[]) => unknown): string {
  const { stackTraceLimit } = Error;
  const at: { stack?: string } = {};
  // Written out at once: what V8 keeps until then holds on to the objects of the stack.
  Reflect.set(Error, 'stackTraceLimit', 1);
  Error.captureStackTrace(at, callee);
  const [, site = ''] = /^\s+(at .+)$/m.exec(at.stack ?? '') ?? [];
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  return site;
}
