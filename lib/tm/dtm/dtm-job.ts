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

export interface DtmPage {
  readonly transactions: readonly DtmTransaction[];
  /** Absent on the last page. */
  readonly next: string | undefined;
}
