import type { RecoveryState } from '../../core/jobs/job-info.js';

/** Names a job to DTM. */
export interface DtmJobName {
  /** The gid under which DTM knows the job. */
  readonly gid: string;
  readonly trans_type: 'msg';
}

/**
 * What DTM is told about a job, as its HTTP API takes it. Prepare and Submit carry the same, since DTM's stores differ
 * in whose content they keep. Times are whole seconds; 0 stands for the server's own.
 */
export interface DtmRequest extends DtmJobName {
  readonly protocol: 'http' | 'grpc';
  readonly steps: readonly { readonly action: string }[];
  /** One for each step. */
  readonly payloads: readonly string[];
  /** The address that tells how the transaction ended. Never empty: that would count as a commit. */
  readonly query_prepared: string;
  /** `DtmCustomData` as JSON text. */
  readonly custom_data: string;
  readonly wait_result: boolean;
  readonly timeout_to_fail: number;
  readonly retry_interval: number;
  readonly request_timeout: number;
  readonly branch_headers: Readonly<Record<string, string>>;
}

/** What DTM reads of a job's custom data, and the label of the job, which it only keeps. */
export type DtmMessage = DtmRequest | DtmJobName;

export interface DtmCustomData {
  /** Seconds. */
  readonly delay?: number;
  readonly name?: string;
  /** Tells apart who prepared a job of the caller's own gid: DTM keeps the first one's. */
  readonly start?: string;
}

/** Where a job stands at DTM. */
export type DtmStatus = 'prepared' | 'submitted' | 'aborting' | 'succeed' | 'failed';

/** What came of a request. */
export type DtmAnswer =
  | { readonly kind: 'done' }
  /** The job is in a status that does not allow it. */
  | { readonly kind: 'refused'; readonly status: string }
  /** There was no answer, so that nobody knows whether it was done. */
  | { readonly kind: 'unreachable'; readonly error: unknown }
  /** The same, where something else has answered. To ask again at once changes nothing. */
  | { readonly kind: 'foreign'; readonly error: unknown }
  /** Any other answer. It does not say that nothing was done. */
  | { readonly kind: 'failed'; readonly message: string };

/** The requests of the two-phase message, and one that only asks whether the server is there. */
export type DtmMethod = 'prepare' | 'submit' | 'abort' | 'ping';

/** DTM over one of its protocols. */
export abstract class DtmClient {
  /** When the server last answered, for health checks. */
  contact: RecoveryState = { lastRunAt: null, error: null };

  /** @param server The address of the server. */
  constructor(readonly server: string) {}

  async open(): Promise<void> {}
  close(): void {}

  /**
   * Sends a request. Never throws.
   *
   * @param timeout Milliseconds.
   */
  async call(method: DtmMethod, timeout: number, request?: DtmMessage): Promise<DtmAnswer> {
    const answer = await this.send(method, timeout, request);
    this.contact =
      'error' in answer ? { ...this.contact, error: answer.error } : { lastRunAt: new Date(), error: null };
    return answer;
  }

  protected abstract send(method: DtmMethod, timeout: number, request?: DtmMessage): Promise<DtmAnswer>;
}

/** DTM puts the status of a job that refuses a request into the text; nothing else can be relied on. */
const STATUS = /current status '(\w{1,20})'/;

/**
 * Reads an answer of DTM that says no.
 *
 * @param shown What may be shown of it.
 */
export function readRefusal(message: string, shown: string): DtmAnswer {
  const status = STATUS.exec(message)?.[1];
  return status === undefined ? { kind: 'failed', message: shown } : { kind: 'refused', status };
}

/** For errors and logs. */
export function textOf(answer: Exclude<DtmAnswer, { kind: 'done' }>): string {
  switch (answer.kind) {
    case 'refused':
      return `the job is ${answer.status}`;
    case 'failed':
      return answer.message;
    case 'unreachable':
    case 'foreign':
      return String((answer.error as { cause?: unknown }).cause ?? answer.error);
  }
}
