import { randomBytes } from 'node:crypto';

/**
 * Makes the tokens that tell one claim of a job from every other: a random part for the process, a number
 * for the claim.
 */
export class OwnerTokens {
  private readonly process = randomBytes(9).toString('base64url');
  private count = 0;

  next(): string {
    this.count += 1;
    return `${this.process}.${this.count.toString(36)}`;
  }
}
