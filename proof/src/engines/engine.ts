import type { Cluster } from '../run.js';
import type { Backend, Placement } from '../target.js';

/** A database engine that `npm run engines:<name>` brings up, tests, attacks and takes down. */
export interface Engine {
  readonly name: string;
  /** Where the crash run places its jobs. Default: with the orders alone. */
  readonly placements?: readonly Placement[];
  /** Why the short form leaves it out; undefined if it is quick enough. */
  readonly byHand?: string;
  /** What it needs and this machine does not have. */
  lacks(): string | undefined;
  /** Brings it up, on free ports and in temporary folders. What it has started is gone when it rejects. */
  start(context: EngineContext): Promise<RunningEngine>;
}

export interface EngineContext {
  /** Folder of the repository. */
  readonly repository: string;
  /** Tells the user what takes long. */
  readonly log: (line: string) => void;
}

/** What all runs on an engine share. */
export interface RunSettings {
  readonly repository: string;
  /** Folder of the copy of the build that the processes run from. */
  readonly root: string;
  /** Jobs a second. */
  readonly rate: number;
  readonly seed: number;
}

export interface FurtherRun {
  readonly lines: readonly string[];
  /** Nothing forbidden happened. */
  readonly clean: boolean;
}

export interface RunningEngine extends Cluster {
  /** What it says it is. */
  readonly version: string;
  readonly backend: Backend;
  /** The server of the suites and of the checker, which is reachable again whenever `disturb` has ended. */
  readonly url: string;
  /** False if it has no triggers. Transitions of jobs are not judged then. */
  readonly triggers?: boolean;
  /** Of the suites. */
  readonly environment: Readonly<Record<string, string>>;
  /** Test files, from the repository's folder. */
  readonly suites: readonly string[];
  /** Runs only tests whose full name matches it. Default: those of `backend`. */
  readonly tests?: string;
  /** What is to be shown apart from the crash run, after it. */
  further?(settings: RunSettings): Promise<FurtherRun>;
  /** Takes it down and removes its files. */
  stop(): Promise<void>;
}
