import { isDeepStrictEqual } from 'node:util';

/**
 * One step as it is stored with its job.
 *
 * @publicApi
 */
export interface StoredStep {
  /** The name the step was registered under when the job was started. */
  readonly name: string;
  /** The arguments as JSON text; absent for a step without arguments. */
  readonly args?: string;
}

/**
 * What a transaction manager is told about a job: everything that is needed to run it in another
 * process, and nothing that lives in this one only.
 *
 * @publicApi
 */
export interface JobMessage {
  /** The id of the job. */
  readonly gid: string;
  /** The label given to `createJob({ name })`. */
  readonly name: string | null;
  /** Its steps, in order. */
  readonly steps: readonly StoredStep[];
  /** Milliseconds between the start of the job and the start of its first step. */
  readonly delay: number;
  /** Whether the caller chose the gid, and so may start it twice; one made by the library is nobody else's. */
  readonly callerGid?: boolean;
  /** What `createJob({ manager })` said; only the transaction manager that it is meant for knows its shape. */
  readonly settings?: unknown;
}

/** Encodes the steps of a job as one JSON array. The arguments are JSON already, and are put in as they are. */
export function encodeSteps(steps: readonly StoredStep[]): string {
  const argsOf = ({ args }: StoredStep) => (args === undefined ? '' : `,"args":${args}`);
  const encoded = steps.map((step) => `{"step":${JSON.stringify(step.name)}${argsOf(step)}}`);
  return `[${encoded.join(',')}]`;
}

/** A stored step with its arguments parsed. */
export interface ParsedStep {
  readonly step: string;
  readonly args?: unknown;
}

/** Reads what `encodeSteps()` has written. */
export function parseSteps(text: string): ParsedStep[] {
  return JSON.parse(text) as ParsedStep[];
}

/** Whether two encoded step lists are equal, whatever the order of the keys in their arguments. */
export function sameSteps(left: string, right: string): boolean {
  return left === right || isDeepStrictEqual(JSON.parse(left), JSON.parse(right));
}
