import type { ClaimRoom } from '../../../lib/tm/self/job-runner.js';
import type { LeasedJob } from '../../../lib/tm/self/leased-job.js';

export const CONCURRENCY = 4;
export const MAX_BYTES = 8 * 1024 * 1024;

/** Keeps claimed jobs until the test begins them; as many may wait as run at once. */
export class FakeRunner {
  readonly concurrency = CONCURRENCY;
  readonly waiting: LeasedJob[] = [];
  takesJobs = true;
  /** Steps that are left out of claims. */
  leftOut: string[] = [];
  private onRoom = (): void => undefined;
  private wanted = false;

  claimRoom(): ClaimRoom | undefined {
    const room = CONCURRENCY - this.waiting.length;
    this.wanted = room < CONCURRENCY / 2;
    if (!this.takesJobs || this.wanted) return undefined;
    const names = ['ping', 'pong'].filter((name) => !this.leftOut.includes(name));
    return { names, room, complete: this.leftOut.length === 0, maxBytes: MAX_BYTES, maxLone: undefined };
  }

  offerClaimed(jobs: readonly LeasedJob[]): void {
    this.waiting.push(...jobs);
  }

  whenRoom(listener: () => void): void {
    this.onRoom = listener;
  }

  begin(count: number): string[] {
    const begun = this.waiting.splice(0, count).map(({ gid }) => gid);
    if (this.wanted && this.waiting.length <= CONCURRENCY / 2) this.onRoom();
    return begun;
  }
}
