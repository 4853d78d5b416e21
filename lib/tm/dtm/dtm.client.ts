import type { DtmRequest } from './dtm-request.js';

/** Where a job stands at DTM. */
export type DtmStatus = 'prepared' | 'submitted' | 'aborting' | 'succeed' | 'failed';

/** What came of a request. */
export type DtmAnswer =
  | { readonly kind: 'done' }
  /** The job is in a status that does not allow it. */
  | { readonly kind: 'refused'; readonly status: string }
  /** There was no answer, so that nobody knows whether it was done. */
  | { readonly kind: 'unreachable'; readonly error: unknown }
  /** Any other answer. It does not say that nothing was done. */
  | { readonly kind: 'failed'; readonly message: string };

/** The requests of the two-phase message, in one of DTM's protocols. They never throw. */
export abstract class DtmClient {
  /** For messages. */
  abstract readonly server: string;
  /** Makes ready to send. */
  abstract open(): Promise<void>;
  abstract close(): void;
  /** @param timeout Milliseconds. */
  abstract prepare(request: DtmRequest, timeout: number): Promise<DtmAnswer>;
  abstract submit(request: DtmRequest, timeout: number): Promise<DtmAnswer>;
  abstract abort(gid: string, timeout: number): Promise<DtmAnswer>;
  /** Whether the server is there. */
  abstract ping(timeout: number): Promise<DtmAnswer>;
}

/** DTM writes the status of a job that refuses a request into the text, and nothing else can be relied on. */
const STATUS = /current status '(\w+)'/;

/** Reads an answer that says no; `text` is all that there is. */
export function readRefusal(text: string): DtmAnswer {
  const status = STATUS.exec(text)?.[1];
  return status === undefined ? { kind: 'failed', message: text } : { kind: 'refused', status };
}
