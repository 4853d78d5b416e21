import { Logger } from '@nestjs/common';
import { describeValue } from '../../errors/stepping.error.js';

/** Anybody may send such calls: the log must not grow as fast as they come. */
const PAUSE_MS = 1000;
/** How many calls are remembered. */
const MAX_TOLD = 1000;

/**
 * Reports calls that are answered `invalid`: DTM repeats them with ever longer waits, and their jobs stand still until
 * somebody looks. Each is logged once, and one in a second.
 */
export class InvalidCalls {
  private readonly logger = new Logger('DtmCallbacks');
  private readonly told = new Set<string>();
  private quietUntil = -Infinity;

  report(what: 'query-back' | 'step', gid: unknown): void {
    const now = performance.now();
    const call = `${what} for job ${describeValue(gid)}`;
    if (now < this.quietUntil || this.told.has(call)) return;
    this.quietUntil = now + PAUSE_MS;
    if (this.told.size === MAX_TOLD) this.told.clear();
    this.told.add(call);
    this.logger.warn(
      `A ${call} was refused: it is none that this version has sent. DTM repeats it; stop the job with DistributedJobs.cancel() ` +
        'unless another process answers it.',
    );
  }
}
