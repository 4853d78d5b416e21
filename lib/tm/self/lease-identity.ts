import { randomBytes } from 'node:crypto';

/** Under which names this process holds leases, in all its stores. */
export class LeaseIdentity {
  /** The id of this process, twelve random characters: the owner of each of its leases starts with it. */
  readonly process = randomBytes(9).toString('base64url');
  private owners = 0;

  /** A random part for the process, a number for the claim. */
  newOwner(): string {
    this.owners += 1;
    return `${this.process}.${this.owners.toString(36)}`;
  }
}
