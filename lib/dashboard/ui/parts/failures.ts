import type { Attention } from '../../api.js';

type Failures = Extract<Attention, { readonly kind: 'failures' }>;

/** The failed jobs of one step, whatever made them fail: they are what can be retried at once. */
export interface FailedAtStep {
  readonly kind: 'failed';
  readonly step: string;
  readonly count: number;
  readonly more: boolean;
  /** By error, the most frequent first. */
  readonly errors: readonly Failures[];
}

/** What is shown: the groups of failures of one step become one entry, at the place of the first. */
export type Shown = Exclude<Attention, Failures> | FailedAtStep;

export function failuresByStep(attention: readonly Attention[]): readonly Shown[] {
  const steps = new Map<string, Failures[]>();
  const places: (Exclude<Attention, Failures> | string)[] = [];
  for (const entry of attention) {
    if (entry.kind !== 'failures') {
      places.push(entry);
      continue;
    }
    const known = steps.get(entry.step);
    if (!known) places.push(entry.step);
    steps.set(entry.step, [...(known ?? []), entry]);
  }
  return places.map((place) => {
    if (typeof place !== 'string') return place;
    const errors = steps.get(place)!;
    return {
      kind: 'failed',
      step: place,
      count: errors.reduce((sum, { count }) => sum + count, 0),
      more: errors.some(({ more }) => more),
      errors,
    };
  });
}

/** One line: the class of the error and what it said, as far as they are known. */
export function errorLine({ errorName, message }: Failures): string {
  if (message === null) return errorName ?? 'The error is not shown.';
  return errorName === null || message.startsWith(errorName) ? message : `${errorName}: ${message}`;
}
