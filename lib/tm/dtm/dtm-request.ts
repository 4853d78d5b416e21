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
export interface DtmCustomData {
  /** Seconds. */
  readonly delay?: number;
  readonly name?: string;
  /** Tells apart who prepared a job of the caller's own gid: DTM keeps the first one's. */
  readonly start?: string;
}
