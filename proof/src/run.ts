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

export interface AttackContext {
  readonly target: Target;
  readonly random: Random;
  /** Length of the attack itself, without waiting for the end of its jobs. */
  readonly seconds: number;
  readonly surroundings: Surroundings;
  /** Call this for each verdict, with the attack's own figures. */
  readonly report: (verdict: Verdict, figures?: Readonly<Record<string, unknown>>, part?: string) => void;
}

/** One way of attacking the library. */
export interface Attack {
  readonly name: string;
  fits(target: Target, surroundings: Surroundings): boolean;
  run(context: AttackContext): Promise<void>;
}
