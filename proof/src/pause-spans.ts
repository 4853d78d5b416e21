import type { Effect } from './evidence.js';
import type { OperatorCall } from './operator-call.js';

/** From the acknowledgment of a pause to the next call of `resume()`, by the database's time. */
interface PauseSpan {
  readonly step: string;
  /** Where it was asked for. */
  readonly worker: string;
  readonly from: number;
  readonly to: number;
}

/** Between the decision to begin and the row that records it. */
const BEGIN_MS = 3000;
/** Besides the heartbeat: reading the controls, on a busy machine. */
const LEARN_MS = 2000;

/** When which steps were paused, so that everybody had to know. */
export class PauseSpans {
  private readonly spans: PauseSpan[] = [];

  constructor(
    calls: readonly OperatorCall[],
    private readonly heartbeat: number,
  ) {
    calls.forEach(({ action, outcome, answered, worker }, at) => {
      if (action.do !== 'pause' || outcome !== 'done' || answered === undefined) return;
      const end = calls.slice(at + 1).find((call) => ends(call, action.step));
      this.spans.push({ step: action.step, worker, from: answered, to: end?.asked ?? Infinity });
    });
  }

  /** Milliseconds after the acknowledgment at which the attempt began; undefined when it was allowed to. */
  tooLate({ kind, worker, begin }: Effect): number | undefined {
    const span = this.spans.find(
      ({ step, worker: asked, from, to }) =>
        step === kind && begin < to && begin > from + BEGIN_MS + (asked === worker ? 0 : this.learning),
    );
    return span && Math.round(begin - span.from);
  }

  private get learning(): number {
    return this.heartbeat + LEARN_MS;
  }
}

function ends({ action, asked }: OperatorCall, step: string): boolean {
  return action.do === 'resume' && action.step === step && asked !== undefined;
}
