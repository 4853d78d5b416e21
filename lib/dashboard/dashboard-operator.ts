import { HttpStatus } from '@nestjs/common';
import { MAX_JOB_STEPS } from '../core/jobs/distributed-job.js';
import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import { isName } from '../core/name.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import { InvalidStepArgumentsError, JobNotFoundError, JobStateError } from '../errors/index.js';
import { printable } from '../errors/printable.js';
import type {
  BulkAnswer,
  CancelRequest,
  DoneAnswer,
  PauseRequest,
  ResumeRequest,
  RetryRequest,
  SkipRequest,
} from './api.js';
import { BulkOperator } from './bulk-operator.js';
import { DashboardRequestError, forbidden } from './dashboard.errors.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';
import { EDIT_UNSEEN } from './features.js';
import { gid, given, stepName } from './jobs-query.js';
import { Mask, MaskedValueError } from './mask.js';
import { anything, invalid, readFields, required, text, wholeNumber } from './request-fields.js';
import { demand, type Viewer } from './viewer.js';

const MAX_REASON = 2000;
const MAX_ACTOR = 255;
/** For actions that must be somebody's, where nobody tells who looks at the page. */
const SOMEBODY = 'dashboard';

const REASON = text(MAX_REASON);
const STEP_INDEX = wholeNumber(0, MAX_JOB_STEPS - 1);
const RETRY = { gid: required(gid), reason: REASON, args: anything, step: STEP_INDEX };
const CANCEL = { gid: required(gid), reason: REASON };
const SKIP = { gid: required(gid), step: required(STEP_INDEX), reason: required(REASON) };
const PAUSE = { step: required(stepName), reason: required(REASON), until: text(32) };
const RESUME = { step: required(stepName), reason: REASON };

const DONE: DoneAnswer = { changed: true };

/**
 * Does what the page asks for, in the name of who asks. Which jobs and steps there are, and what can be done to them, the library decides: a body
 * only names them.
 *
 * The routes let only those act who may. Bodies that cannot be, and edits by somebody who may only retry, are refused with a
 * `DashboardRequestError`; errors of the library pass through.
 */
export class DashboardOperator {
  private readonly mask: Mask;
  private readonly bulk: BulkOperator;

  constructor(
    private readonly jobs: DistributedJobs,
    private readonly operations: SteppingOperations,
    private readonly options: ResolvedDashboardOptions,
  ) {
    this.mask = new Mask(options.mask);
    this.bulk = new BulkOperator(jobs, operations, options, this.mask);
  }

  async retry(body: unknown, viewer: Viewer): Promise<DoneAnswer> {
    const { gid: id, args, step, reason }: RetryRequest = readFields(body, RETRY);
    const note = noteOf(viewer, reason);
    if (args === undefined) await this.jobs.retry(id, note);
    else await this.edit(id, args, step, note, viewer);
    return DONE;
  }

  async cancel(body: unknown, viewer: Viewer): Promise<DoneAnswer> {
    const { gid: id, reason }: CancelRequest = readFields(body, CANCEL);
    await this.jobs.cancel(id, noteOf(viewer, reason));
    return DONE;
  }

  async skip(body: unknown, viewer: Viewer): Promise<DoneAnswer> {
    const { gid: id, step, reason }: SkipRequest = readFields(body, SKIP);
    await this.jobs.skip(id, { step, reason, by: actorOf(viewer) });
    return DONE;
  }

  async retryAll(body: unknown, viewer: Viewer): Promise<BulkAnswer> {
    return this.bulk.retryAll(body, actorOf(viewer));
  }

  async cancelAll(body: unknown, viewer: Viewer): Promise<BulkAnswer> {
    return this.bulk.cancelAll(body, actorOf(viewer));
  }

  async pause(body: unknown, viewer: Viewer): Promise<DoneAnswer> {
    const { step, reason, until }: PauseRequest = readFields(body, PAUSE);
    await this.operations.pause(step, { reason, by: actorOf(viewer), ...given({ until }) });
    return DONE;
  }

  async resume(body: unknown, viewer: Viewer): Promise<DoneAnswer> {
    const { step, reason }: ResumeRequest = readFields(body, RESUME);
    return { changed: await this.operations.resume(step, noteOf(viewer, reason)) };
  }

  private async edit(
    id: string,
    args: unknown,
    step: number | undefined,
    note: Note,
    viewer: Viewer,
  ): Promise<void> {
    demand(viewer, 'edit');
    if (this.options.showArguments === 'never') throw forbidden(EDIT_UNSEEN);
    const refusal = this.jobs.refusalOf('edit');
    if (refusal) throw refusal;
    const job = await this.jobs.find(id);
    if (!job) throw new JobNotFoundError(id);
    if (job.status !== 'failed') throw new JobStateError(id, 'retry', job.status);
    const failed = job.steps.find(({ status }) => status === 'failed');
    if (step !== undefined && failed?.index !== step) {
      throw invalid(`The job does not stand at step ${step} any more. Look at it again.`);
    }
    const restored = this.restored(args, failed?.args);
    try {
      await this.jobs.retry(id, { ...note, args: restored });
    } catch (error) {
      throw restored !== args && error instanceof InvalidStepArgumentsError ? withoutReason(error) : error;
    }
  }

  private restored(edited: unknown, stored: unknown): unknown {
    try {
      return this.mask.restored(edited, stored);
    } catch (error) {
      throw error instanceof MaskedValueError ? invalid(error.message) : error;
    }
  }
}

/** The reason may quote what was masked. */
function withoutReason({ code, path, stepName: name }: InvalidStepArgumentsError): DashboardRequestError {
  return new DashboardRequestError(
    HttpStatus.BAD_REQUEST,
    code,
    `The step '${name}' does not take these arguments: something is wrong at ${path}. The reason is not shown, since it may tell what is masked.`,
  );
}

interface Note {
  readonly by: string;
  readonly reason?: string;
}

function noteOf(viewer: Viewer, reason: string | undefined): Note {
  return { by: actorOf(viewer), ...given({ reason }) };
}

/** A name that the audit can keep. */
function actorOf({ actor }: Viewer): string {
  if (actor === null) return SOMEBODY;
  // Nobody gets the name of somebody else: what cannot be seen is shown.
  const name = printable(actor, MAX_ACTOR).trim();
  return isName(name) ? name : SOMEBODY;
}
