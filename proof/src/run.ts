import type { Servers } from './database.js';
import type { OwnServer } from './own-servers.js';
import type { Random } from './random.js';
import { type Target } from './target.js';
import type { Verdict } from './verdict.js';

/** What all attacks of a run share. */
export interface Surroundings {
  readonly repository: string;
  /** Where the copy of the build is that processes run from. */
  readonly root: string;
  readonly servers: Servers;
  /** Servers of the run's own, which may be restarted. */
  readonly own: { readonly postgres?: OwnServer | undefined; readonly mariadb?: OwnServer | undefined };
  /** Jobs a second. */
  readonly rate: number;
}

export interface AttackContext {
  readonly target: Target;
  readonly random: Random;
  /** How long the attack itself lasts; what follows is waited for. */
  readonly seconds: number;
  readonly surroundings: Surroundings;
  /** To be called for each verdict, with numbers of the attack's own. */
  readonly report: (verdict: Verdict, figures?: Readonly<Record<string, unknown>>, part?: string) => void;
}

/** One way of doing harm. */
export interface Attack {
  readonly name: string;
  fits(target: Target, surroundings: Surroundings): boolean;
  run(context: AttackContext): Promise<void>;
}
