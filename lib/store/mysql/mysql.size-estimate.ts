/** How many are looked at while nothing is known of them. */
const FIRST_LOOK = 16;

/**
 * Estimates how many jobs fit into a number of bytes, by those that were seen last. MySQL and MariaDB have to read all of a
 * large text to tell its size: a look at a thousand large jobs, of which a few fit, would take longer than a statement may.
 */
export class SizeEstimate {
  private average: number | undefined;

  /** How many jobs to look at: at least one. */
  fitting(bytes: number): number {
    if (this.average === undefined) return FIRST_LOOK;
    return Math.max(1, Math.ceil(bytes / this.average));
  }

  /** Notes what `count` jobs take together. */
  saw(count: number, bytes: number): void {
    if (count > 0) this.average = Math.max(1, bytes / count);
  }

  forget(): void {
    this.average = undefined;
  }
}
