import type { DataSourceOptions } from 'typeorm';

/** Settings of a worker process, passed as JSON in `PROOF_WORKER`. */
export interface WorkerSettings {
  readonly name: string;
  readonly business: DataSourceOptions;
  /** The database of the jobs, unless they are stored with the orders or in DTM. */
  readonly store?: DataSourceOptions;
  readonly effects: EffectsSettings;
  readonly timing: WorkerTiming;
  readonly concurrency?: number;
  readonly runSteps?: boolean;
  readonly dtm?: { readonly server: string; readonly port: number };
  readonly fault?: FaultSettings;
  /** Where its events go; undefined for an application without. */
  readonly broker?: string;
}

/** Settings of a process that receives the events, passed in the same way. */
export interface BillingSettings {
  readonly name: string;
  readonly billing: DataSourceOptions;
  readonly broker: string;
  readonly timing: WorkerTiming;
  readonly fault?: FaultSettings;
}

/** Milliseconds. */
export interface WorkerTiming {
  readonly lease: number;
  readonly interval: number;
  readonly queryAfter: number;
  /** Of each statement of the library. */
  readonly statement?: number;
  readonly grace: number;
  /** How often a process looks which steps are paused. */
  readonly heartbeat?: number;
}

/** Where effects are written, through neither the library nor the application's pool. */
export type EffectsSettings =
  | { readonly backend: 'postgres' | 'mariadb'; readonly url: string }
  | { readonly backend: 'sqlite'; readonly file: string };

/** A fault point at which the process kills or pauses itself. */
export interface FaultSettings {
  readonly point: string;
  /** At which pass of the point, from 1. */
  readonly passage: number;
  readonly action: 'kill' | 'stop';
  /** Only for this job. */
  readonly gid?: string;
}
