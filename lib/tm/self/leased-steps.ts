import type { JobMessage } from '../../core/jobs/job-message.js';
import { parseSteps, type EncodedStep } from '../../core/jobs/step-encoding.js';

/** The steps of a job that this process holds. */
export interface LeasedSteps {
  readonly count: number;
  nameOf(index: number): string;
  /** The arguments, parsed: a copy of its own for each caller. */
  readArgs(index: number): unknown;
}

/** Steps as this process has just stored them: JSON texts, so that nothing of the caller's objects lives on. */
export class StartedSteps implements LeasedSteps {
  constructor(private readonly steps: JobMessage['steps']) {}

  get count(): number {
    return this.steps.length;
  }

  nameOf(index: number): string {
    return this.steps[index]!.name;
  }

  readArgs(index: number): unknown {
    const { args } = this.steps[index]!;
    return args === undefined ? undefined : JSON.parse(args);
  }
}

/** Steps as they were read from the job's row: parsed when the job's turn comes, since many may wait. */
export class StoredSteps implements LeasedSteps {
  private steps: readonly EncodedStep[] | undefined;
  /** The last step whose parsed arguments somebody has, and may have changed. */
  private given = -1;

  constructor(private readonly text: string) {}

  get count(): number {
    return this.parsed.length;
  }

  nameOf(index: number): string {
    return this.parsed[index]!.step;
  }

  readArgs(index: number): unknown {
    const fresh = index > this.given;
    this.given = Math.max(this.given, index);
    return (fresh ? this.parsed : parseSteps(this.text))[index]!.args;
  }

  private get parsed(): readonly EncodedStep[] {
    return (this.steps ??= parseSteps(this.text));
  }
}
