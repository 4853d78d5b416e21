import type { Effect, Evidence } from './evidence.js';
import type { LedgerEntry } from './ledger.js';
import { FenceModel, violationOf } from './model.js';
import { OperatorModel } from './operator-model.js';
import { PauseSpans } from './pause-spans.js';
import type { StepKind } from './plan.js';
import { StepHistory } from './step-history.js';
import { FORBIDDEN, summarize, type Forbidden, type RepeatReason, type Verdict } from './verdict.js';

const SHOWN_PER_KIND = 5;
const TRANSACTIONAL: readonly StepKind[] = ['book', 'linger'];
/** Kinds of steps that fail their job. */
const FAILS = /^(doomed|strict|poison-\d)$/;
const ENDED = new Set(['succeeded', 'failed', 'canceled', 'rolledBack']);

/**
 * Judges a run by the client's record and the rows of the databases alone. It shares no code with
 * the library.
 */
export function checkEvidence(evidence: Evidence): Verdict {
  return new Checker(evidence).check();
}

class Checker {
  private readonly forbidden = Object.fromEntries(FORBIDDEN.map((kind) => [kind, 0])) as Record<
    Forbidden,
    number
  >;
  private readonly violations: string[] = [];
  private readonly lives;
  private readonly effects = new Map<string, Effect[]>();
  private readonly operator: OperatorModel;
  private readonly pauses: PauseSpans;
  private readonly counts = {
    committed: 0,
    rolledBack: 0,
    unanswered: 0,
    transactional: 0,
    plain: 0,
    repeated: 0,
  };
  private readonly reasons: Partial<Record<RepeatReason, number>> = {};
  private readonly recoveryTimes: number[] = [];
  private readonly errors: Record<string, number> = {};
  private zombies = 0;
  private commitAnswersLost = 0;
  private startAnswersLost = 0;

  constructor(private readonly evidence: Evidence) {
    const { calls, transitions, timing, orders } = evidence;
    const gidOf = ({ plan, gid }: LedgerEntry): string | null => orders.get(plan.order) ?? gid;
    const plans = new Map(evidence.ledger.map((entry) => [gidOf(entry), entry.plan]));
    this.operator = new OperatorModel(calls, transitions, (gid) => plans.get(gid));
    this.pauses = new PauseSpans(calls, timing.heartbeat ?? 0);
    this.lives = new Map(evidence.lives.map((life) => [life.name, life]));
    for (const effect of evidence.effects) {
      const rows = this.effects.get(effect.order);
      if (rows) rows.push(effect);
      else this.effects.set(effect.order, [effect]);
    }
  }

  check(): Verdict {
    const { evidence, counts } = this;
    for (const entry of evidence.ledger) this.checkJob(entry);
    for (const job of evidence.jobs.values()) {
      if (!ENDED.has(job.status)) this.violate('unfinished', `job ${job.gid} is still ${job.status}`);
    }
    this.checkTransitions();
    for (const text of this.operator.violations) this.violate('unasked', text);
    if (evidence.undisturbed) this.checkLeases();
    const { lease, interval } = evidence.timing;
    return {
      forbidden: this.forbidden,
      asked: evidence.ledger.length,
      committed: counts.committed,
      rolledBack: counts.rolledBack,
      errors: this.errors,
      unanswered: counts.unanswered,
      transactionalSteps: counts.transactional,
      plainSteps: counts.plain,
      plainRepeated: counts.repeated,
      repeatedBecause: this.reasons,
      zombieOverlaps: this.zombies,
      commitAnswersLost: this.commitAnswersLost,
      startAnswersLost: this.startAnswersLost,
      transitions: evidence.transitions.length,
      recovery: summarize(this.recoveryTimes, lease + interval),
      recoveryTimes: this.recoveryTimes,
      violations: this.violations,
    };
  }

  private checkJob(entry: LedgerEntry): void {
    const { order, fate } = entry.plan;
    const { orders, jobs } = this.evidence;
    const gid = orders.get(order) ?? entry.gid;
    const job = gid === null ? undefined : jobs.get(gid);
    if (entry.outcome === 'unknown') this.counts.unanswered += 1;
    // A job without a transaction has no business row. Its answer, or its own row, shows that it was started.
    const committed =
      fate === 'alone' ? entry.outcome === 'committed' || job !== undefined : orders.has(order);
    if (entry.outcome === 'committed' && !committed) {
      this.violate('lost', `order ${order} was acknowledged and is not there`);
    }
    if (!committed) return this.checkRolledBack(entry, job?.status);

    this.counts.committed += 1;
    if (entry.outcome === 'error' || entry.outcome === 'rolledBack') this.checkError(entry);
    const expected = this.failsAt(entry, gid!) === -1 ? 'succeeded' : 'failed';
    const excused = job?.status === 'failed' && this.lostItsOnlyAttempt(entry);
    const canceled = entry.canceled || this.operator.wasCanceled(gid!);
    if (job?.status !== expected && !excused && !(canceled && job?.status === 'canceled')) {
      this.violate('lost', `order ${order}: job ${gid} is ${job?.status ?? 'gone'}, not ${expected}`);
    }
    this.checkSteps(entry, gid!, job?.status === 'canceled' || excused);
  }

  /** The step at which it fails for good, unless somebody has skipped it or corrected its arguments; -1 if there is none. */
  private failsAt({ plan }: LedgerEntry, gid: string): number {
    return plan.steps.findIndex(({ kind }, step) => {
      if (!FAILS.test(kind) || this.operator.skipped(gid, step)) return false;
      return kind !== 'strict' || (this.operator.editsOf(gid, step).at(-1)?.wrong ?? true);
    });
  }

  /**
   * A crash counts as an attempt, whoever caused it. The process may have died before it recorded that the step began, which the
   * library has to write first.
   */
  private lostItsOnlyAttempt({ plan: { order, steps } }: LedgerEntry): boolean {
    const history = new StepHistory(this.effects.get(order) ?? [], this.lives);
    const frail = steps.length > 0 && steps.every(({ kind }) => kind === 'frail-1');
    return frail && history.diedWithItsProcesses();
  }

  private checkRolledBack(entry: LedgerEntry, status: string | undefined): void {
    const { order, steps } = entry.plan;
    this.counts.rolledBack += 1;
    if (entry.error !== undefined) {
      const text = entry.error.replace(/[0-9a-f-]{8,}|k?-?\d+/g, '#').slice(0, 100);
      this.errors[text] = (this.errors[text] ?? 0) + 1;
    }
    const rows = this.effects.get(order)?.length ?? 0;
    const bookings = steps.some((_, step) => this.bookings(order, step) > 0);
    if (rows > 0 || bookings || (status !== undefined && status !== 'rolledBack')) {
      this.violate(
        'ranThoughRolledBack',
        `order ${order} is not there; ${rows} steps began, its job is ${status}`,
      );
    }
  }

  private checkError({ plan, error, outcome }: LedgerEntry): void {
    // Without a transaction, `start()` is a request like any other: it may succeed and its answer may get lost.
    // Cut connections lose answers. Then a driver error about the COMMIT is expected.
    const driver = /^(Error|QueryFailedError|TransactionNotStartedError|AggregateError): /.test(error ?? '');
    if (plan.fate === 'alone') this.startAnswersLost += 1;
    else if (this.evidence.connectionsCut && (driver || plan.fate === 'by-hand')) this.commitAnswersLost += 1;
    else
      this.violate(
        'errorsInCommitted',
        `order ${plan.order} was committed, and answered ${outcome}: ${error}`,
      );
  }

  private checkSteps(entry: LedgerEntry, gid: string, stopped: boolean): void {
    const { canceled, plan } = entry;
    const { order, steps } = plan;
    const history = new StepHistory(this.effects.get(order) ?? [], this.lives);
    const doomed = this.failsAt(entry, gid);
    const skipped = (step: number) => this.operator.skipped(gid, step);
    steps.forEach(({ kind, failures = 0, quiet = false }, step) => {
      const skip = skipped(step);
      const expected = (doomed === -1 || step < doomed) && !stopped && !skip;
      const reason = history.repeated(step, failures);
      if (this.evidence.undisturbed && reason && reason !== 'paused')
        this.violate('attemptsWasted', `order ${order}: step ${step} was repeated (${reason})`);
      if (TRANSACTIONAL.includes(kind))
        this.checkBooking(order, step, expected, quiet || history.began(step), skip?.as);
      else {
        this.counts.plain += 1;
        if (reason && !canceled) {
          this.counts.repeated += 1;
          this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
        }
      }
      if (expected && !quiet && !history.done(step)) {
        this.violate('stepsMissing', `order ${order}: step ${step} was never done`);
      }
      for (const text of skip ? history.despiteSkip(step, skip) : [])
        this.violate('skipsBroken', `order ${order}: ${text}`);
      if (doomed !== -1 && step > doomed && history.began(step)) {
        this.violate('outOfOrder', `order ${order}: step ${step} began after the job had failed`);
      }
    });
    // A job that was retried by hand continues where it failed. Nothing else may be repeated.
    for (const text of history.outOfOrder(skipped)) this.violate('outOfOrder', `order ${order}: ${text}`);
    const steered = this.evidence.calls.length > 0;
    for (const text of steered ? history.despiteEdit(this.operator) : [])
      this.violate('editsBroken', `order ${order}: ${text}`);
    for (const text of history.despitePause(this.pauses))
      this.violate('pausesBroken', `order ${order}: ${text}`);
    const { live, zombies } = history.overlaps();
    for (const text of live) this.violate('overlaps', `order ${order}: ${text}`);
    this.zombies += zombies;
    this.recoveryTimes.push(...history.recoveryTimes());
  }

  private checkBooking(
    order: string,
    step: number,
    expected: boolean,
    began: boolean,
    skipped?: 'skipped' | 'succeeded',
  ): void {
    const times = this.bookings(order, step);
    this.counts.transactional += 1;
    if (skipped && times !== (skipped === 'skipped' ? 0 : 1))
      this.violate(
        'skipsBroken',
        `order ${order}: step ${step} counts as ${skipped}, and booked ${times} times`,
      );
    if (times > 1) this.violate('bookingsDoubled', `order ${order}: step ${step} booked ${times} times`);
    else if (expected && times === 0)
      this.violate('bookingsMissing', `order ${order}: step ${step} did not book`);
    else if (times === 1 && !began)
      this.violate('stepsMissing', `order ${order}: step ${step} booked unseen`);
  }

  /** A process that stood still for long may lose leases. */
  private checkLeases(): void {
    const { lives, timing } = this.evidence;
    for (const { name, lostLeases, pauses } of lives) {
      if (pauses.some(({ from, to }) => to - from > timing.lease / 4)) continue;
      for (const gid of lostLeases) this.violate('attemptsWasted', `${name} lost the lease of job ${gid}`);
    }
  }

  private checkTransitions(): void {
    const fences = new FenceModel();
    for (const transition of this.evidence.transitions) {
      const { gid } = transition;
      // Any process may do so, whoever held the job until its lease ended.
      if (this.operator.isSkip(transition)) continue;
      const forbidden = violationOf(transition);
      if (forbidden !== undefined) this.violate('forbiddenTransitions', `job ${gid}: ${forbidden}`);
      const broken = fences.violationOf(transition);
      if (broken !== undefined) this.violate('fencesBroken', `job ${gid}: ${broken}`);
    }
  }

  private bookings(order: string, step: number): number {
    return this.evidence.bookings.get(`${order}/${step}`) ?? 0;
  }

  private violate(kind: Forbidden, text: string): void {
    this.forbidden[kind] += 1;
    if (this.forbidden[kind] <= SHOWN_PER_KIND) this.violations.push(`${kind}: ${text}`);
  }
}
