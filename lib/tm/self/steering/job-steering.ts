import { LineLogger } from '../../../core/line-logger.js';
import { MAX_JOB_BYTES } from '../../../core/jobs/distributed-job.js';
import { checkGid } from '../../../core/jobs/gid.js';
import { editedSteps, parseSteps, type ParsedStep } from '../../../core/jobs/job-message.js';
import type { RetryJobOptions, SkipStepOptions } from '../../../core/jobs/job-operations.js';
import { checkNote, checkRetry, checkSkip } from '../../../core/jobs/steering-options.js';
import type { ActionNote } from '../../../core/operations/action-note.js';
import { detailOfEdit } from '../../../core/payloads/audit-details.js';
import { tenantOf } from '../../../core/payloads/job-payloads.js';
import { untilPatienceEnds, type Payloads } from '../../../core/payloads/payloads.js';
import { plainArgs } from '../../../core/payloads/stored-forms.js';
import type {
  StepArgumentsSerializer,
  ValidationsUnderWay,
} from '../../../core/steps/step-arguments.serializer.js';
import type { StepRegistry } from '../../../core/steps/step.registry.js';
import { errorText } from '../../../errors/error-text.js';
import {
  JobNotFoundError,
  JobStateError,
  StepArgumentsTooLargeError,
  StepNotProvidedError,
  UnreadableJobError,
} from '../../../errors/index.js';
import { isOutage } from '../../../store/driver-errors.js';
import type { JobRecord, JobStore } from '../../../store/job-store.js';
import type { NewAuditEntry } from '../../../store/steering/audit-store.js';
import type { SteeringStore } from '../../../store/steering/steering-store.js';
import { extendLog } from '../attempt-log.js';
import type { SkippedSteps } from './skipped-steps.js';

/** Who is told what was done to a job. */
export interface SteeringWitness {
  /** A job is due, for any process. */
  wake(): void;
  /** Somebody has retried it by hand. */
  retried(gid: string): void;
  /** Also stops what this process has of the job. */
  canceled(gid: string): void;
  succeeded(gid: string): void;
}

/** What is done to single jobs by hand. */
export class JobSteering {
  private readonly logger = new LineLogger(JobSteering.name);

  constructor(
    private readonly store: JobStore,
    private readonly steering: SteeringStore,
    private readonly payloads: Payloads,
    private readonly registry: StepRegistry,
    private readonly serializer: StepArgumentsSerializer,
    private readonly skipped: SkippedSteps,
    private readonly witness: SteeringWitness,
  ) {}

  async retry(gid: string, options: RetryJobOptions = {}): Promise<void> {
    const { args, ...note } = checkRetry(options);
    checkGid(gid);
    if (args !== undefined) return this.edit(gid, args, note);
    const entry = entryOf('retry', gid, note);
    const retried = await this.orUnnoted(
      () => this.steering.retry(gid, entry),
      () => this.store.retry(gid),
      gid,
    );
    if (!retried) await this.refuse(gid, 'retry');
    this.witness.retried(gid);
    this.witness.wake();
  }

  async cancel(gid: string, options: ActionNote = {}): Promise<void> {
    const entry = entryOf('cancel', checkGid(gid), checkNote(options));
    const canceled = await this.orUnnoted(
      () => this.steering.cancel(gid, entry),
      () => this.store.cancel(gid),
      gid,
    );
    if (!canceled) await this.refuse(gid, 'cancel');
    this.witness.canceled(gid);
  }

  async skip(gid: string, options: SkipStepOptions): Promise<void> {
    const { step: atStep, ...note } = checkSkip(options);
    const record = await this.recordOf(checkGid(gid));
    const why = whyNotSkipped(record, atStep);
    if (why !== undefined) throw new JobStateError(gid, 'skip', record.status, why.reason);
    const steps = parseSteps(record.steps);
    const step = stepAt(steps, atStep);
    const settled = await this.skipped.settle(record, step.step);
    const next = steps[atStep + 1];
    // One that is done counts as an attempt that has succeeded after all.
    const failed = settled.done ? Math.max(0, record.attempts - 1) : record.attempts;
    const status = next ? 'submitted' : 'succeeded';
    const entry = {
      ...entryOf('skip', gid, note),
      step: step.step,
      detail: JSON.stringify({ stepIndex: atStep, ...(settled.done && { done: true }) }),
    };
    const skip = {
      gid,
      atStep,
      status,
      stepIndex: next ? atStep + 1 : atStep,
      stepName: (next ?? step).step,
      attempts: !next && settled.done ? failed : 0,
      attemptLog: extendLog(record.attemptLog, atStep, {
        attempts: settled.done ? failed + 1 : failed,
        skipped: !settled.done,
      }),
      keepsDue: record.status === 'submitted' && record.attempts === 0,
    } as const;
    let skipped = false;
    try {
      skipped = await this.steering.skip(skip, entry);
    } finally {
      if (!skipped) await settled.withdraw();
    }
    if (!skipped) await this.refuseSkip(gid, atStep);
    if (next) this.witness.wake();
    else this.witness.succeeded(gid);
  }

  private async edit(gid: string, args: unknown, note: ActionNoteRead): Promise<void> {
    const record = await this.recordOf(gid);
    if (record.status !== 'failed') throw new JobStateError(gid, 'retry', record.status);
    const { stepIndex } = record;
    const steps = parseSteps(record.steps);
    const step = stepAt(steps, stepIndex);
    const tenant = tenantOf(steps);
    const stored = await this.encoded(gid, stepIndex, step.step, args, tenant);
    const newSteps = editedSteps(record.steps, stepIndex, stored);
    const bytes = Buffer.byteLength(newSteps);
    if (bytes > MAX_JOB_BYTES) throw new StepArgumentsTooLargeError(gid, bytes, MAX_JOB_BYTES);
    const detail = await detailOfEdit(this.payloads, { gid, stepIndex, args: step.args, tenant });
    const entry = { ...entryOf('edit', gid, note), step: step.step, detail };
    const edit = { gid, atStep: stepIndex, steps: record.steps, newSteps };
    if (!(await this.steering.edit(edit, entry))) {
      await this.refuse(gid, 'retry', 'somebody else has retried or edited it meanwhile. Look at it again.');
    }
    this.witness.retried(gid);
    this.witness.wake();
  }

  /** The new arguments as they are stored, checked as at `addStep()`. */
  private async encoded(
    gid: string,
    stepIndex: number,
    stepName: string,
    args: unknown,
    tenant: string | undefined,
  ): Promise<string> {
    const definition = this.registry.get(stepName);
    if (!definition) throw new StepNotProvidedError(gid, stepName);
    const later: ValidationsUnderWay = { checks: undefined };
    const json = this.serializer.serialize(stepName, definition, args, later)!;
    if (later.checks) await Promise.all(later.checks);
    if (!this.payloads.encodes) return plainArgs(json);
    const context = { gid, stepIndex, purpose: 'args', ...(tenant !== undefined && { tenant }) } as const;
    return this.payloads.encodeArgs(json, context, untilPatienceEnds());
  }

  /** A job can be retried and canceled even where the audit cannot be written. */
  private async orUnnoted(
    noted: () => Promise<boolean>,
    unnoted: () => Promise<boolean>,
    gid: string,
  ): Promise<boolean> {
    try {
      return await noted();
    } catch (error) {
      if (isOutage(error)) throw error;
      const done = await unnoted();
      if (done) this.logger.error(`What was done to job ${gid} is not in the audit: ${errorText(error)}`);
      return done;
    }
  }

  private async recordOf(gid: string): Promise<JobRecord> {
    const record = await this.store.find(gid);
    if (!record) throw new JobNotFoundError(gid);
    return record;
  }

  private async refuse(gid: string, action: 'retry' | 'cancel', raced?: string): Promise<never> {
    const { status } = await this.recordOf(gid);
    throw new JobStateError(gid, action, status, status === 'failed' ? raced : undefined);
  }

  private async refuseSkip(gid: string, atStep: number): Promise<never> {
    const record = await this.recordOf(gid);
    const why = whyNotSkipped(record, atStep) ?? { reason: RUNNING };
    throw new JobStateError(gid, 'skip', record.status, why.reason);
  }
}

type ActionNoteRead = { readonly reason: string | undefined; readonly by: string | undefined };

const RUNNING = 'its step runs at this moment, or is about to. Try again when the attempt has ended.';

function entryOf(
  action: NewAuditEntry['action'],
  gid: string,
  { reason, by }: ActionNoteRead,
): NewAuditEntry {
  return { action, gid, step: null, reason: reason ?? null, by: by ?? null, count: 1, detail: null };
}

/** Undefined where the step can be skipped; without a `reason` the status says it all. */
function whyNotSkipped(
  { status, stepIndex }: JobRecord,
  atStep: number,
): { readonly reason: string | undefined } | undefined {
  if (status !== 'failed' && status !== 'submitted') return { reason: undefined };
  if (stepIndex !== atStep) return { reason: `it stands at step ${stepIndex}, not ${atStep}.` };
  return undefined;
}

function stepAt(steps: readonly ParsedStep[], index: number): ParsedStep {
  const step = steps[index];
  if (!step) throw new UnreadableJobError(`it has no step ${index}`);
  return step;
}
