/**
 * What DTM is told about a job. Prepare and Submit carry the same, since DTM's stores differ in whose content
 * they keep.
 */
export interface DtmRequest {
  /** The gid under which DTM knows the job. */
  readonly gid: string;
  /** The address of each step, in their order. */
  readonly actions: readonly string[];
  /** One for each step. */
  readonly payloads: readonly string[];
  /** The address that tells how the transaction ended. Never empty: that would count as a commit. */
  readonly queryPrepared: string;
  /** JSON text. */
  readonly customData: string;
  readonly options: DtmRequestOptions;
}

/** Times in whole seconds; 0 stands for the server's own. */
export interface DtmRequestOptions {
  readonly waitResult: boolean;
  readonly timeoutToFail: number;
  readonly retryInterval: number;
  readonly requestTimeout: number;
  readonly branchHeaders: Readonly<Record<string, string>>;
}

/** What DTM reads of a job's custom data, and the label of the job, which it only keeps. */
export interface DtmCustomData {
  /** Seconds. */
  readonly delay?: number;
  readonly name?: string;
  /** Tells apart who prepared a job of the caller's own gid: DTM keeps the first one's. */
  readonly start?: string;
}
