import type { SteppingEventBus } from '../../core/events/event-bus.js';
import { LineLogger } from '../../core/line-logger.js';
import type { JobMessage } from '../../core/jobs/job-message.js';
import type { TransactionContext } from '../../core/transactions/transaction-context.js';
import { TransactionManager, type PreparedJob, type SubmittedJob } from '../../core/transaction-manager.js';
import { SteppingNotReadyError, TransactionManagerUnavailableError } from '../../errors/index.js';
import type { CallbackServer } from './callback-server.js';
import type { DtmCallbacks } from './dtm-callbacks.js';
import { textOf, type DtmAnswer, type DtmClient, type DtmRequest } from './dtm.client.js';
import { DtmCallbacksUnprotectedError, DtmJobRolledBackError, DtmRequestRefusedError } from './dtm.errors.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import type { DtmRequestFactory } from './dtm-request.factory.js';
import type { ExistingJobs } from './existing-jobs.js';
import type { JobTransactions } from './job-transactions.js';

/** The pause before another attempt at a server that did not answer. */
const RETRY_PAUSE_MS = 100;
/** The time of a call that waits for all steps, on top of the steps' own. */
const WAIT_MARGIN_MS = 5000;

const EXISTED: SubmittedJob = { created: false };

type DtmProblem = Exclude<DtmAnswer, { kind: 'done' }>;

export interface DtmPreparedJob extends PreparedJob {
  /** Absent for a job that was there before: there is nothing left to tell DTM. */
  readonly request?: DtmRequest;
  readonly transaction?: TransactionContext;
}

/**
 * Keeps jobs at a DTM server as two-phase messages: Prepare before the transaction's barrier, Submit after the
 * commit, Abort after a rollback. If DTM gets neither of the last two, it asks the barrier.
 */
export class DtmTransactionManager extends TransactionManager<DtmPreparedJob> {
  private readonly logger = new LineLogger(DtmTransactionManager.name);
  private ready = false;

  constructor(
    private readonly options: ResolvedDtmOptions,
    private readonly client: DtmClient,
    private readonly requests: DtmRequestFactory,
    private readonly existing: ExistingJobs,
    private readonly transactions: JobTransactions,
    private readonly callbacks: DtmCallbacks,
    private readonly callbackServer: CallbackServer,
    private readonly events: SteppingEventBus,
  ) {
    super();
    // Not where the options are read: in a test this manager may be replaced, and nothing is called back.
    if (options.secrets.length === 0 && !options.allowUnsigned) throw new DtmCallbacksUnprotectedError();
    events.gracePeriod = options.gracePeriod;
  }

  override async initialize(): Promise<void> {
    await this.client.open();
    this.ready = true;
  }

  /** The application also starts while the server is down; jobs are refused until it answers. */
  override async start(): Promise<void> {
    if (this.options.secrets.length === 0) {
      this.logger.warn(
        "Callbacks of DTM are not signed ('allowUnsigned'): whoever reaches them can run every step with any arguments.",
      );
    }
    await this.callbackServer.start();
    const answer = await this.client.call('ping', this.options.serverTimeout);
    if (answer.kind !== 'done') {
      this.logger.error(
        `The DTM server at ${this.client.server} does not answer; jobs cannot be started until it does: ${textOf(answer)}`,
      );
    }
  }

  override async stop(): Promise<void> {
    await this.callbacks.stop();
    await this.events.settled();
    await this.callbackServer.stop();
    this.client.close();
  }

  async prepare(message: JobMessage, transaction: TransactionContext): Promise<DtmPreparedJob> {
    const request = this.createRequest(message, transaction);
    await transaction.openBarrier();
    const answer = await this.sendPrepare(request);
    if (answer.kind === 'done') {
      // DTM also answers this when it already has a prepared job of this gid, and keeps that one's steps.
      if (message.callerGid) await this.existing.assertSame(message, 'prepared', transaction.lookup);
      return { enlisted: false, barrierGid: request.gid, request, transaction };
    }
    if (answer.kind !== 'refused') throw this.problem(message, answer);
    await this.existing.assertSame(message, answer.status, transaction.lookup);
    return { enlisted: true, existing: true };
  }

  async submit(message: JobMessage, prepared?: DtmPreparedJob): Promise<SubmittedJob | void> {
    if (!prepared) return this.submitAlone(message);
    const { request, transaction } = prepared;
    if (transaction) this.transactions.remember(message.gid, transaction.lookup);
    if (request) await this.submitPrepared(message, request);
  }

  /**
   * With a gid of the caller's own, DTM may hold a job of another transaction, open or committed. Then the barrier
   * decides, not this rollback.
   */
  async abort(message: JobMessage, { request, transaction }: DtmPreparedJob): Promise<void> {
    if (!request || !transaction) return;
    if (message.callerGid && (await transaction.queryPrepared(request.gid)) !== 'rolledBack') return;
    // If this fails, DTM asks the barrier.
    await this.sendAbort(request);
  }

  /**
   * Prepares and submits, as in a transaction: DTM accepts a Submit alone even while its store is down. The query-back
   * says committed, so the job is safe once it is prepared.
   */
  private async submitAlone(message: JobMessage): Promise<SubmittedJob> {
    const request = this.createRequest(message, undefined);
    // A second Submit would run the steps twice.
    if (message.callerGid && (await this.existing.isSame(message, undefined))) return EXISTED;
    const answer = await this.sendPrepare(request);
    if (answer.kind === 'refused') {
      await this.existing.assertSame(message, answer.status, undefined);
      return EXISTED;
    }
    if (answer.kind !== 'done') {
      await this.sendAbort(request);
      throw this.problem(message, answer);
    }
    // Somebody else prepared it at the same time and submits it. Two Submits would run it twice.
    if (message.callerGid && !(await this.existing.cameFrom(request))) {
      await this.existing.assertSame(message, 'prepared', undefined);
      return EXISTED;
    }
    await this.submitPrepared(message, request);
    return { created: true };
  }

  /** Never throws because of the network: the job is safe, and DTM asks the barrier if it gets no Submit. */
  private async submitPrepared(message: JobMessage, request: DtmRequest): Promise<void> {
    const { wait_result: waitResult, request_timeout: requestTimeout, steps } = request;
    const patience = waitResult ? requestTimeout * 1000 * steps.length + WAIT_MARGIN_MS : 0;
    const answer = await this.client.call('submit', this.options.serverTimeout + patience, request);
    if (answer.kind === 'done') this.started(message);
    if (answer.kind === 'done' || (answer.kind === 'refused' && answer.status === 'succeed')) return;
    if (answer.kind === 'refused' && answer.status === 'failed') throw new DtmJobRolledBackError(message.gid);
    // No second Submit: if the first one arrived, it would run the steps twice.
    this.logger.warn(
      waitResult
        ? `Job ${message.gid} is accepted and not finished yet; DTM goes on with it: ${textOf(answer)}`
        : `Job ${message.gid} is safe, but whether DTM has its Submit is not known; it asks by itself: ${textOf(answer)}`,
    );
  }

  private started({ gid, name, delay }: JobMessage): void {
    this.events.emit({ event: 'job.started', gid, name, delayMs: delay });
  }

  private createRequest(message: JobMessage, transaction: TransactionContext | undefined): DtmRequest {
    if (!this.ready) throw new SteppingNotReadyError();
    return this.requests.create(message, transaction?.lookup);
  }

  /** Repeats Prepare while nobody answers: it is idempotent. */
  private async sendPrepare(request: DtmRequest): Promise<DtmAnswer> {
    const deadline = performance.now() + this.options.serverTimeout;
    for (;;) {
      const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
      const answer = await this.client.call('prepare', timeout, request);
      if (answer.kind !== 'unreachable' || performance.now() + RETRY_PAUSE_MS >= deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }

  private sendAbort({ gid, trans_type }: DtmRequest): Promise<DtmAnswer> {
    return this.client.call('abort', this.options.serverTimeout, { gid, trans_type });
  }

  private problem({ gid }: JobMessage, answer: DtmProblem): Error {
    if ('error' in answer) {
      const what = `The DTM server at ${this.client.server}`;
      return new TransactionManagerUnavailableError(what, { cause: answer.error });
    }
    return new DtmRequestRefusedError(gid, 'prepare', textOf(answer));
  }
}
