import type { Servers } from './database.js';
import type { OwnServer } from './own-servers.js';
import type { Random } from './random.js';
import { type Target } from './target.js';
import type { Verdict } from './verdict.js';

/** What all attacks of a run share. */
export interface Surroundings {
  readonly repository: string;
  /** Folder of the copy of the build that processes run from. */
  readonly root: string;
  readonly servers: Servers;
  /** The run's own servers, which may be restarted. */
  readonly own: { readonly postgres?: OwnServer | undefined; readonly mariadb?: OwnServer | undefined };
  /** Jobs a second. */
  readonly rate: number;
}

/** What an engine of several servers adds to a run. */
export interface Cluster {
  /** The server that the process in this place uses. Default: the one of `Surroundings`. */
  urlOf?(place: number): string;
  /** Whether each server numbers rows on its own, so that the clock orders the changes of a job and their ids do not. */
  readonly numbersPerServer?: boolean;
  /**
   * Disturbs the servers until `ended()`: kills one, promotes another. They serve again when it resolves, with how often it did so.
   * Connections that are open may break.
   */
  disturb?(random: Random, ended: () => boolean): Promise<number>;
}

export interface AttackContext {
  readonly target: Target;
  readonly random: Random;
  /** Length of the attack itself, without waiting for the end of its jobs. */
  readonly seconds: number;
  readonly surroundings: Surroundings;
  /** Processes of the application. Default: as many as the attack wants. Only `kill` heeds it, and `cluster`. */
  readonly processes?: number;
  readonly cluster?: Cluster;
  /** Call this for each verdict, with the attack's own figures. */
  readonly report: (verdict: Verdict, figures?: Readonly<Record<string, unknown>>, part?: string) => void;
}

/** One way of attacking the library. */
export interface Attack {
  readonly name: string;
  fits(target: Target, surroundings: Surroundings): boolean;
  /** What it needs and this machine does not have. */
  lacks?(): string | undefined;
  run(context: AttackContext): Promise<void>;
}
