import { TransactionManagerUnavailableError } from '../../errors/index.js';
import { DtmUnsupportedError } from './dtm.errors.js';
import type { DtmStatus } from './dtm.client.js';

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

export interface DtmListQuery {
  readonly limit: number;
  readonly position?: string;
  readonly status?: DtmStatus;
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
}

export interface DtmPage {
  readonly transactions: readonly DtmTransaction[];
  /** Absent on the last page. */
  readonly next: string | undefined;
}

/**
 * The part of DTM that reads and repairs jobs. It is there over HTTP only, and DTM's metrics remember every gid
 * asked for: it is for people, not for polling.
 */
export class DtmAdminClient {
  constructor(
    private readonly httpApi: string | undefined,
    private readonly headers: Readonly<Record<string, string>>,
    /** Milliseconds. */
    private readonly timeout: number,
  ) {}

  async find(wireGid: string): Promise<DtmJob | null> {
    const found = (await this.read('query', { gid: wireGid })) as {
      transaction?: DtmTransaction | null;
      branches?: DtmBranch[] | null;
    };
    return found.transaction ? { transaction: found.transaction, branches: found.branches ?? [] } : null;
  }

  async list({ limit, position, status, createdAfter, createdBefore }: DtmListQuery): Promise<DtmPage> {
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

  /** Makes the job due at once. */
  async makeDue(wireGid: string): Promise<string | undefined> {
    return this.change('resetNextCronTime', wireGid);
  }

  /** Ends an unfinished job, whatever it is at. */
  async forceStop(wireGid: string): Promise<string | undefined> {
    return this.change('forceStop', wireGid);
  }

  private async read(path: string, parameters: Record<string, string>): Promise<unknown> {
    const { status, text } = await this.send(`${path}?${new URLSearchParams(parameters).toString()}`, {});
    if (status !== 200)
      throw unavailable(this.httpApi!, new Error(`status ${status}: ${text.slice(0, 500)}`));
    return JSON.parse(text) as unknown;
  }

  /** @returns what the server objects to. */
  private async change(path: string, gid: string): Promise<string | undefined> {
    const headers = { 'content-type': 'application/json' };
    const { status, text } = await this.send(path, {
      method: 'POST',
      headers,
      body: JSON.stringify({ gid }),
    });
    return status === 200 ? undefined : text.slice(0, 500);
  }

  private async send(path: string, init: RequestInit): Promise<{ status: number; text: string }> {
    const { httpApi } = this;
    if (httpApi === undefined) {
      throw new DtmUnsupportedError(
        'Reading and repairing jobs over gRPC',
        "Give dtm() the address of DTM's HTTP API in 'httpApi'.",
      );
    }
    try {
      const headers = { ...this.headers, ...(init.headers as Record<string, string> | undefined) };
      const signal = AbortSignal.timeout(this.timeout);
      const response = await fetch(`${httpApi}/api/dtmsvr/${path}`, { ...init, headers, signal });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      throw unavailable(httpApi, error);
    }
  }
}

function unavailable(httpApi: string, cause: unknown): TransactionManagerUnavailableError {
  return new TransactionManagerUnavailableError(`DTM's HTTP API at ${httpApi}`, { cause });
}
