import { isDeepStrictEqual } from 'node:util';
import type { StoredStep } from './job-message.js';

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

/** The reverse of `encodeSteps()`; the arguments are parsed, too. */
export function parseSteps(text: string): EncodedStep[] {
  return JSON.parse(text) as EncodedStep[];
}

/** Whether two encoded step lists say the same, whatever the order of their arguments' keys. */
export function sameSteps(left: string, right: string): boolean {
  return left === right || isDeepStrictEqual(JSON.parse(left), JSON.parse(right));
}
