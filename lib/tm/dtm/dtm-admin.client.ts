import type { CheckedJobFilter } from '../../core/jobs/job-filter.js';
import { TransactionManagerUnavailableError } from '../../errors/index.js';
import { DtmUnsupportedError } from './dtm.errors.js';
import type { DtmStatus } from './dtm.client.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { sendToDtm } from './http-dtm.client.js';

/** A job as DTM's HTTP API shows it. Times are ISO texts. */
export interface DtmTransaction {
  readonly gid: string;
  readonly trans_type: string;
  readonly status: DtmStatus;
  readonly create_time?: string;
  readonly finish_time?: string;
  readonly rollback_time?: string;
  readonly next_cron_time?: string;
  readonly rollback_reason?: string;
  readonly custom_data?: string;
  readonly query_prepared?: string;
  /** JSON text. */
  readonly options?: string;
}

/** A step, or another call, of a job. */
export interface DtmBranch {
  readonly branch_id: string;
  readonly op: string;
  readonly url: string;
  readonly status: string;
  /** Base64. */
  readonly bin_data?: string;
}

export interface DtmJob {
  readonly transaction: DtmTransaction;
  readonly branches: readonly DtmBranch[];
}

export interface DtmPage {
  readonly transactions: readonly DtmTransaction[];
  /** Absent on the last page. */
  readonly next: string | undefined;
}

/**
 * Reads and repairs jobs, which DTM offers over HTTP only. DTM's metrics remember every gid that was asked for: this
 * is for people, not for polling.
 */
export class DtmAdminClient {
  constructor(private readonly options: ResolvedDtmOptions) {}

  async find(wireGid: string): Promise<DtmJob | null> {
    const found = (await this.read('query', { gid: wireGid })) as {
      transaction?: DtmTransaction | null;
      branches?: DtmBranch[] | null;
    };
    return found.transaction ? { transaction: found.transaction, branches: found.branches ?? [] } : null;
  }

  async list(filter: CheckedJobFilter, status: DtmStatus | undefined): Promise<DtmPage> {
    const { limit, cursor: position, createdAfter, createdBefore } = filter;
    const page = (await this.read('all', {
      limit: String(limit),
      transType: 'msg',
      ...(position !== undefined && { position }),
      ...(status !== undefined && { status }),
      ...(createdAfter && { createTimeStart: String(createdAfter.getTime()) }),
      ...(createdBefore && { createTimeEnd: String(createdBefore.getTime()) }),
    })) as { transactions?: DtmTransaction[] | null; next_position?: string };
    return { transactions: page.transactions ?? [], next: page.next_position || undefined };
  }

  /**
   * Makes an unfinished job due now, or ends it whatever it is at.
   *
   * @returns what the server objects to.
   */
  async change(how: 'resetNextCronTime' | 'forceStop', gid: string): Promise<string | undefined> {
    const { status, text } = await this.send(how, { gid });
    return status === 200 ? undefined : text;
  }

  private async read(path: string, parameters: Record<string, string>): Promise<unknown> {
    const { status, text } = await this.send(`${path}?${new URLSearchParams(parameters).toString()}`);
    if (status !== 200) throw this.unavailable(new Error(`status ${status}: ${text}`));
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // What the parser says quotes the answer, with the arguments of jobs.
      throw this.unavailable(new Error('its answer is no JSON'));
    }
  }

  private async send(path: string, body?: object): Promise<{ status: number; text: string }> {
    const { httpApi, serverHeaders, serverTimeout } = this.options;
    if (httpApi === undefined) {
      throw new DtmUnsupportedError(
        'Reading and repairing jobs over gRPC',
        "Give dtm() the address of DTM's HTTP API in 'httpApi'.",
      );
    }
    try {
      return await sendToDtm(`${httpApi}/api/dtmsvr/${path}`, serverHeaders, serverTimeout, body);
    } catch (error) {
      throw this.unavailable(error);
    }
  }

  private unavailable(cause: unknown): TransactionManagerUnavailableError {
    const what = `DTM's HTTP API at ${this.options.httpApi}`;
    return new TransactionManagerUnavailableError(what, { cause });
  }
}
