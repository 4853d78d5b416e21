import { Logger } from '@nestjs/common';
import type { JobMessage } from '../../core/jobs/job-message.js';
import type { TransactionContext } from '../../core/transactions/transaction-context.js';
import { TransactionManager, type PreparedJob } from '../../core/transaction-manager.js';
import { SteppingNotReadyError, TransactionManagerUnavailableError } from '../../errors/index.js';
import type { DtmAnswer, DtmClient } from './dtm.client.js';
import type { DtmContact } from './dtm-contact.js';
import { DtmJobRolledBackError, DtmRequestRefusedError } from './dtm.errors.js';
import type { DtmRequest } from './dtm-request.js';
import type { DtmRequestFactory } from './dtm-request.factory.js';
import type { DtmStepService } from './dtm-step.service.js';
import type { ExistingJobs } from './existing-jobs.js';
import type { GrpcCallbackServer } from './grpc-callback.server.js';

/** Between two attempts at a server that did not answer, in milliseconds. */
const RETRY_PAUSE_MS = 100;
/** What a call that waits for all steps is given on top of their own time. */
const WAIT_MARGIN_MS = 5000;

export interface DtmPreparedJob extends PreparedJob {
  /** Absent for a job that was there before: there is nothing left to tell DTM. */
  readonly request?: DtmRequest;
  readonly transaction?: TransactionContext;
}

export interface DtmParts {
  readonly client: DtmClient;
  readonly requests: DtmRequestFactory;
  readonly existing: ExistingJobs;
  readonly steps: DtmStepService;
  readonly contact: DtmContact;
  /** gRPC only. */
  readonly callbackServer: GrpcCallbackServer | undefined;
  /** Milliseconds that a call to the server may take. */
  readonly serverTimeout: number;
}

/**
 * Keeps jobs at a DTM server, as its two-phase messages: Prepare before the transaction's barrier, Submit after
 * the commit, Abort after a rollback. What is not told to DTM it finds out by asking the barrier.
 */
export class DtmTransactionManager extends TransactionManager<DtmPreparedJob> {
  private readonly logger = new Logger(DtmTransactionManager.name);
  private ready = false;

  constructor(private readonly parts: DtmParts) {
    super();
  }

  override async initialize(): Promise<void> {
    await this.parts.client.open();
    this.ready = true;
  }

  /** A server that is down keeps nothing from starting: jobs are refused until it is there. */
  override async start(): Promise<void> {
    const { client, callbackServer, contact, serverTimeout } = this.parts;
    await callbackServer?.start();
    const answer = contact.note(await client.ping(serverTimeout));
    if (answer.kind !== 'done') {
      this.logger.error(
        `The DTM server at ${client.server} does not answer; jobs cannot be started until it does: ${textOf(answer)}`,
      );
    }
  }

  override async stop(): Promise<void> {
    const { steps, callbackServer, client } = this.parts;
    await steps.stop();
    await callbackServer?.stop();
    client.close();
  }

  async prepare(message: JobMessage, transaction: TransactionContext): Promise<DtmPreparedJob> {
    const request = this.createRequest(message, transaction);
    await transaction.openBarrier();
    const answer = await this.send((timeout) => this.parts.client.prepare(request, timeout));
    if (answer.kind === 'done') {
      // So DTM answers, too, when it has a prepared job of this gid, whose steps it keeps.
      if (message.callerGid) await this.parts.existing.assertSame(message, 'prepared');
      return { enlisted: false, request, transaction };
    }
    if (answer.kind !== 'refused') throw this.problem(message, answer);
    await this.parts.existing.assertSame(message, answer.status);
    return { enlisted: true };
  }

  async submit(message: JobMessage, prepared?: DtmPreparedJob): Promise<void> {
    if (!prepared) return this.submitAlone(message);
    if (prepared.request) await this.submitPrepared(message, prepared.request);
  }

  /**
   * Whoever chooses gids may have another job of this one at DTM, whose transaction is open or committed: then
   * the barrier, and not this rollback, decides about it.
   */
  async abort(message: JobMessage, { request, transaction }: DtmPreparedJob): Promise<void> {
    if (!request || !transaction) return;
    if (message.callerGid && (await transaction.queryPrepared(message.gid)) !== 'rolledBack') return;
    // Should it fail, DTM asks.
    this.parts.contact.note(await this.parts.client.abort(request.gid, this.parts.serverTimeout));
  }

  /**
   * Prepare and then Submit, like in a transaction, since DTM takes a job that is only submitted for accepted even
   * while its store is down. The query-back counts it as committed, so it is safe from the first of them on.
   */
  private async submitAlone(message: JobMessage): Promise<void> {
    const request = this.createRequest(message, undefined);
    const { client, existing } = this.parts;
    // A second Submit would run the steps a second time, beside the first.
    if (message.callerGid && (await existing.isSame(message))) return;
    const answer = await this.send((timeout) => client.prepare(request, timeout));
    if (answer.kind === 'refused') return existing.assertSame(message, answer.status);
    if (answer.kind !== 'done') {
      await client.abort(request.gid, this.parts.serverTimeout);
      throw this.problem(message, answer);
    }
    // Somebody else prepared it at the same time, and submits it: twice, DTM would run it twice.
    if (message.callerGid && !(await existing.cameFrom(request)))
      return existing.assertSame(message, 'prepared');
    await this.submitPrepared(message, request);
  }

  /** Never throws because of the network: the job is safe, and DTM asks for what it was not told. */
  private async submitPrepared(message: JobMessage, request: DtmRequest): Promise<void> {
    const { client, contact, serverTimeout } = this.parts;
    const { waitResult, requestTimeout } = request.options;
    const patience = waitResult ? requestTimeout * 1000 * request.actions.length + WAIT_MARGIN_MS : 0;
    const answer = contact.note(await client.submit(request, serverTimeout + patience));
    if (answer.kind === 'done' || (answer.kind === 'refused' && answer.status === 'succeed')) return;
    if (answer.kind === 'refused' && answer.status === 'failed') throw new DtmJobRolledBackError(message.gid);
    // No second Submit: it would run the steps of a job that was submitted after all once more.
    this.logger.warn(
      waitResult
        ? `Job ${message.gid} is accepted and not finished yet; DTM goes on with it: ${textOf(answer)}`
        : `Job ${message.gid} is safe, but whether DTM has its Submit is not known; it asks by itself: ${textOf(answer)}`,
    );
  }

  private createRequest(message: JobMessage, transaction: TransactionContext | undefined): DtmRequest {
    if (!this.ready) throw new SteppingNotReadyError();
    return this.parts.requests.create(message, transaction?.lookup);
  }

  /** Prepare may be repeated: while the job is prepared, DTM answers the same. */
  private async send(call: (timeout: number) => Promise<DtmAnswer>): Promise<DtmAnswer> {
    const { serverTimeout, contact } = this.parts;
    const deadline = performance.now() + serverTimeout;
    for (;;) {
      const answer = contact.note(await call(Math.max(1, Math.ceil(deadline - performance.now()))));
      if (answer.kind !== 'unreachable' || performance.now() + RETRY_PAUSE_MS >= deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }

  private problem({ gid }: JobMessage, answer: DtmAnswer): Error {
    if (answer.kind === 'unreachable') {
      const what = `The DTM server at ${this.parts.client.server}`;
      return new TransactionManagerUnavailableError(what, { cause: answer.error });
    }
    return new DtmRequestRefusedError(gid, 'prepare', textOf(answer));
  }
}

function textOf(answer: DtmAnswer): string {
  switch (answer.kind) {
    case 'done':
      return 'done';
    case 'refused':
      return `the job is ${answer.status}`;
    case 'failed':
      return answer.message;
    case 'unreachable':
      return String((answer.error as { cause?: unknown }).cause ?? answer.error);
  }
}
