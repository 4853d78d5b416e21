import { UnreadableJobError } from '../../errors/index.js';
import { isRecord } from '../options.js';
import type { StoredOverrides } from '../steps/step-overrides.js';

/**
 * One step as it is stored with its job.
 *
 * @publicApi
 */
export interface StoredStep {
  /** The name the step was registered under when the job was started. */
  readonly name: string;
  /** The arguments as JSON text, encoded if the application has a codec; absent for a step without arguments. */
  readonly args?: string;
  /** What `addStep()` was told to override; absent for most steps. Hand it on as `StepAttempt.overrides`. */
  readonly overrides?: StoredOverrides;
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
  /**
   * Where its start was traced: a `traceparent` of W3C Trace Context, with the `tracestate` after a space where there is one. Hand it
   * on as `StepAttempt.trace`. Absent unless somebody traces.
   */
  readonly trace?: string;
}

/** Encodes the steps of a job as one JSON array. The arguments are JSON already, and are put in as they are. */
export function encodeSteps(steps: readonly StoredStep[]): string {
  const argsOf = ({ args }: StoredStep) => (args === undefined ? '' : `,"args":${args}`);
  const encoded = steps.map(
    (step) => `{"step":${JSON.stringify(step.name)}${argsOf(step)}${encodedOverrides(step.overrides)}}`,
  );
  return `[${encoded.join(',')}]`;
}

function encodedOverrides(overrides: StoredOverrides | undefined): string {
  return overrides === undefined ? '' : `,"overrides":${JSON.stringify(overrides)}`;
}

/** The bytes of `encodeSteps([])`. */
export const NO_STEPS_BYTES = 2;

/** How many bytes a step takes in the array of `encodeSteps()`, with the comma before it. */
export function encodedBytes({ name, args, overrides }: StoredStep): number {
  const argsBytes = args === undefined ? 0 : ',"args":'.length + Buffer.byteLength(args);
  const overridesBytes = Buffer.byteLength(encodedOverrides(overrides));
  return ',{"step":}'.length + Buffer.byteLength(JSON.stringify(name)) + argsBytes + overridesBytes;
}

/** How many bytes the array of `encodeSteps()` takes. */
export function encodedBytesOf(steps: readonly StoredStep[]): number {
  return steps.reduce((bytes, step) => bytes + encodedBytes(step), NO_STEPS_BYTES);
}

/** A stored step with its arguments parsed. */
export interface ParsedStep {
  readonly step: string;
  readonly args?: unknown;
  /** Unchecked: `readOverrides()` reads them. */
  readonly overrides?: StoredOverrides;
  /** How often somebody has given it new arguments; absent for never. */
  readonly edits?: number;
  /** The arguments that the job was started with, if it was edited. */
  readonly firstArgs?: unknown;
}

/** The arguments that a step was started with, as they are stored. */
export function firstArgsOf(step: ParsedStep): unknown {
  return step.edits === undefined ? step.args : step.firstArgs;
}

/**
 * Encoded steps with other arguments of one of them, as JSON. The first ones are kept: a job that is started again with the same gid is
 * compared with them.
 *
 * @throws UnreadableJobError where the steps cannot be read.
 */
export function editedSteps(text: string, index: number, args: string): string {
  const encoded = parseSteps(text).map((step, at) => {
    if (at !== index) return JSON.stringify(step);
    const first = JSON.stringify(firstArgsOf(step)) as string | undefined;
    const kept = first === undefined ? '' : `,"firstArgs":${first}`;
    const overrides = encodedOverrides(step.overrides);
    return `{"step":${JSON.stringify(step.step)},"args":${args}${overrides},"edits":${(step.edits ?? 0) + 1}${kept}}`;
  });
  return `[${encoded.join(',')}]`;
}

/**
 * Reads what `encodeSteps()` has written.
 *
 * @throws UnreadableJobError for anything else: the row was changed by hand, or written by another version.
 */
export function parseSteps(text: string): ParsedStep[] {
  let steps: unknown;
  try {
    steps = JSON.parse(text);
  } catch {
    // What the parser says quotes the text around the mistake: the arguments.
    throw new UnreadableJobError('its steps are no JSON');
  }
  if (Array.isArray(steps) && steps.length > 0 && steps.every(isStep)) return steps;
  throw new UnreadableJobError('its steps are no list of steps');
}

function isStep(step: unknown): step is ParsedStep {
  return isRecord(step) && typeof step.step === 'string';
}

/** The names of stored steps; none where they cannot be read. */
export function stepNamesOf(text: string): string[] {
  try {
    return parseSteps(text).map(({ step }) => step);
  } catch {
    return [];
  }
}
