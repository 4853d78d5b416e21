import { isDeepStrictEqual } from 'node:util';
import type { StoredStep } from './job-message.js';

/** One step of a stored job, its arguments still as JSON text. */
export interface DecodedStep {
  readonly name: string;
  readonly args: unknown;
  readonly hasArgs: boolean;
}

/** Encodes the steps of a job as one JSON array; the arguments, JSON already, are put in as they are. */
export function encodeSteps(steps: readonly StoredStep[]): string {
  const encoded = steps.map((step) =>
    step.args === undefined
      ? `{"step":${JSON.stringify(step.name)}}`
      : `{"step":${JSON.stringify(step.name)},"args":${step.args}}`,
  );
  return `[${encoded.join(',')}]`;
}

/** One step as it is encoded. */
export interface EncodedStep {
  readonly step: string;
  readonly args?: unknown;
}

/** What `encodeSteps()` has written, as it is. */
export function parseSteps(text: string): EncodedStep[] {
  return JSON.parse(text) as EncodedStep[];
}

/** The reverse of `encodeSteps()`. */
export function decodeSteps(text: string): DecodedStep[] {
  return parseSteps(text).map((step) => ({
    name: step.step,
    args: step.args,
    hasArgs: Object.hasOwn(step, 'args'),
  }));
}

/** Whether two encoded step lists say the same, whatever the order of their arguments' keys. */
export function sameSteps(left: string, right: string): boolean {
  return left === right || isDeepStrictEqual(JSON.parse(left), JSON.parse(right));
}
