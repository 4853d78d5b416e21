import { isDeepStrictEqual } from 'node:util';
import type { StoredStep } from './job-message.js';

/** Encodes the steps of a job as one JSON array. The arguments are JSON already, and are put in as they are. */
export function encodeSteps(steps: readonly StoredStep[]): string {
  const encoded = steps.map((step) =>
    step.args === undefined
      ? `{"step":${JSON.stringify(step.name)}}`
      : `{"step":${JSON.stringify(step.name)},"args":${step.args}}`,
  );
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
