import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Signs what DTM sends back to the application, so that nobody else can call a step or ask about a transaction.
 *
 * A signature covers one job and the content of one call. Somebody who reads it in DTM's database, log or API can
 * only repeat that call. The secret never leaves the application.
 */
export class CallbackSignature {
  /**
   * @param secrets The first one signs, all of them are accepted. To rotate, put the new one first and remove the old
   * one when its jobs have ended. Without secrets nothing is signed and everything is accepted.
   */
  constructor(private readonly secrets: readonly string[]) {}

  /** The signature of a text, or `undefined` without a secret. */
  sign(purpose: 'query' | 'step', parts: readonly string[]): string | undefined {
    const [secret] = this.secrets;
    return secret === undefined ? undefined : hmac(secret, purpose, parts);
  }

  /** Whether a signature fits one of the secrets, in constant time. */
  accepts(purpose: 'query' | 'step', parts: readonly string[], signature: unknown): boolean {
    if (this.secrets.length === 0) return true;
    const given = digest(typeof signature === 'string' ? signature : '');
    // All of them are compared, whichever fits.
    return (
      this.secrets.filter((secret) => timingSafeEqual(digest(hmac(secret, purpose, parts)), given)).length > 0
    );
  }
}

function hmac(secret: string, purpose: string, parts: readonly string[]): string {
  // As JSON, so that no two lists of parts are the same text.
  return createHmac('sha256', secret)
    .update(JSON.stringify([purpose, ...parts]))
    .digest('base64url');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
