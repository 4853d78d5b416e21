import type { StepDefinition } from '../core/steps/step-definition.js';

interface PlannedFailure {
  readonly definition: StepDefinition;
  readonly error: unknown;
  times: number;
}

/** The attempts that are to fail, in the order in which they were planned. */
export class PlannedFailures {
  private planned: PlannedFailure[] = [];

  add(definition: StepDefinition, error: unknown, times: number): void {
    this.planned.push({ definition, error, times });
  }

  /** The failure of the attempt of this step that is about to run. */
  take(definition: StepDefinition): { readonly error: unknown } | undefined {
    const failure = this.planned.find((candidate) => candidate.definition === definition);
    if (!failure) return undefined;
    failure.times -= 1;
    if (failure.times === 0) this.planned = this.planned.filter((candidate) => candidate !== failure);
    return failure;
  }
}
