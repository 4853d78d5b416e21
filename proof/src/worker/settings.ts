import type { DataSourceOptions } from 'typeorm';

/** What a worker process is given, as JSON in `PROOF_WORKER`. */
export interface WorkerSettings {
  readonly name: string;
  readonly business: DataSourceOptions;
  /** Where the jobs are, unless they are beside the orders or at DTM. */
  readonly store?: DataSourceOptions;
  readonly effects: EffectsSettings;
  readonly timing: WorkerTiming;
  readonly concurrency?: number;
  readonly runSteps?: boolean;
  readonly dtm?: { readonly server: string; readonly port: number };
  readonly fault?: FaultSettings;
}

/** Milliseconds. */
export interface WorkerTiming {
  readonly lease: number;
  readonly interval: number;
  readonly queryAfter: number;
  readonly grace: number;
}

/** Where effects are written: never through the library, nor through the application's pool. */
export type EffectsSettings =
  | { readonly backend: 'postgres' | 'mariadb'; readonly url: string }
  | { readonly backend: 'sqlite'; readonly file: string };

/** A named point of the protocol at which the process kills or stops itself. */
export interface FaultSettings {
  readonly point: string;
  /** Which passage of the point, from 1. */
  readonly passage: number;
  readonly action: 'kill' | 'stop';
  /** Only for this job. */
  readonly gid?: string;
}
