import type { CheckedJobFilter } from '../../core/jobs/job-filter.js';
import { TransactionManagerUnavailableError } from '../../errors/index.js';
import { DtmUnsupportedError } from './dtm.errors.js';
import type { DtmJob, DtmPage } from './dtm-job.js';
import { textOf, type DtmAnswer, type DtmStatus } from './dtm.client.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { readJob, readPage } from './dtm-jobs.reader.js';
import { JOBS_BYTES, notDtm, RESULT_BYTES, resultOf, sendToDtm, type HttpAnswer } from './http-api.js';

/**
 * Reads and repairs jobs, which DTM offers over HTTP only. DTM's metrics remember every gid that was asked for: this
 * is for people, not for polling.
 */
export class DtmAdminClient {
  constructor(private readonly options: ResolvedDtmOptions) {}

  async find(wireGid: string): Promise<DtmJob | null> {
    const job = readJob(await this.read('query', { gid: wireGid }), wireGid);
    if (job === undefined) throw this.unavailable(notDtm(200));
    return job;
  }

  async list(filter: CheckedJobFilter, status: DtmStatus | undefined): Promise<DtmPage> {
    const { limit, cursor: position, createdAfter, createdBefore } = filter;
    const content = await this.read('all', {
      limit: String(limit),
      transType: 'msg',
      ...(position !== undefined && { position }),
      ...(status !== undefined && { status }),
      ...(createdAfter && { createTimeStart: String(createdAfter.getTime()) }),
      ...(createdBefore && { createTimeEnd: String(createdBefore.getTime()) }),
    });
    const page = readPage(content);
    if (!page) throw this.unavailable(notDtm(200));
    return page;
  }

  /**
   * Makes an unfinished job due now, or ends it whatever it is at.
   *
   * @returns what the server objects to.
   */
  async change(how: 'resetNextCronTime' | 'forceStop', gid: string): Promise<string | undefined> {
    const result = this.result(await this.send(how, { gid }), { gid });
    return result.kind === 'done' ? undefined : textOf(result);
  }

  /** The content of an answer that shows jobs. */
  private async read(path: string, parameters: Record<string, string>): Promise<HttpAnswer['content']> {
    const answer = await this.send(`${path}?${new URLSearchParams(parameters).toString()}`);
    if (answer.status === 200) return answer.content;
    const result = this.result(answer);
    throw this.unavailable(result.kind === 'done' ? notDtm(answer.status) : new Error(textOf(result)));
  }

  private result(answer: HttpAnswer, body?: object): DtmAnswer {
    try {
      return resultOf(answer, this.options.serverHeaders, body);
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  private async send(path: string, body?: object): Promise<HttpAnswer> {
    const { httpApi, serverHeaders, serverTimeout } = this.options;
    if (httpApi === undefined) {
      throw new DtmUnsupportedError(
        'Reading and repairing jobs over gRPC',
        "Give dtm() the address of DTM's HTTP API in 'httpApi'.",
      );
    }
    const limits = { timeout: serverTimeout, maxBytes: body ? RESULT_BYTES : JOBS_BYTES };
    try {
      return await sendToDtm(`${httpApi}/api/dtmsvr/${path}`, serverHeaders, limits, body);
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  private unavailable(cause: unknown): TransactionManagerUnavailableError {
    const what = `DTM's HTTP API at ${this.options.httpApi}`;
    return new TransactionManagerUnavailableError(what, { cause });
  }
}
