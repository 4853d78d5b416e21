import type { RecoveryState } from '../../core/jobs/distributed-jobs.js';
import type { DtmAnswer } from './dtm.client.js';

/** When the server last answered, for health checks. */
export class DtmContact {
  private current: RecoveryState = { lastRunAt: null, error: null };

  get state(): RecoveryState {
    return this.current;
  }

  /** Notes an answer, or that there was none, and returns it. */
  note(answer: DtmAnswer): DtmAnswer {
    this.current =
      answer.kind === 'unreachable'
        ? { ...this.current, error: answer.error }
        : { lastRunAt: new Date(), error: null };
    return answer;
  }
}
