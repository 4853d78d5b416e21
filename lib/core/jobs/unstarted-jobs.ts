import { LineLogger } from '../line-logger.js';

/** Where a job was made. Holds nothing of the job itself, which could never be collected then. */
export interface MadeJob {
  readonly gid: string;
  /** The line of the stack that called `createJob()`. */
  readonly where: string;
  /** Whether its transaction has failed since, as far as is known: then nothing was forgotten. */
  readonly hasFailed: () => boolean;
}

/**
 * Warns of jobs that were given steps and then neither started nor prepared: a forgotten `start()` shows nowhere else. It is noticed when
 * the garbage collector takes the job. For development only, once for each place in the code.
 */
export class UnstartedJobs {
  private readonly logger = new LineLogger('DistributedJobFactory');
  private readonly told = new Set<string>();
  private readonly collected = new FinalizationRegistry<MadeJob>((made) => this.tell(made));

  /** Undefined in production, where nothing is watched. */
  static inDevelopment(): UnstartedJobs | undefined {
    return process.env.NODE_ENV === 'production' ? undefined : new UnstartedJobs();
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
