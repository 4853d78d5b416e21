import { createHmac, timingSafeEqual } from 'node:crypto';

/** The length of a signature: 32 bytes in base64url. */
export const SIGNATURE_LENGTH = 43;

/** The job and the place in it that a signature is for. */
export interface SignedCall {
  readonly gid: string;
  readonly branchId: string;
}

/**
 * Signs what DTM sends back to the application, so that nobody else can call a step or ask about a transaction.
 *
 * A signature covers one job, one branch of it, the operation and the text that comes with the call, as it travels. Somebody
 * who reads it in DTM's database, log or API can only repeat that call. The secret never leaves the application.
 */
export class CallbackSignature {
  /**
   * @param secrets The first one signs, all of them are accepted. To rotate, put the new one first and remove the old
   * one when its jobs have ended. Without secrets nothing is signed and everything is accepted.
   */
  constructor(private readonly secrets: readonly string[]) {}

  /** Whether calls are signed. */
  get required(): boolean {
    return this.secrets.length > 0;
  }

  /** The signature of a text, or `undefined` without a secret. */
  sign(op: 'msg' | 'action', call: SignedCall, text: string): string | undefined {
    const [secret] = this.secrets;
    return secret === undefined ? undefined : hmac(secret, op, call, text).toString('base64url');
  }

  /** Whether a signature fits one of the secrets, in constant time. */
  accepts(op: 'msg' | 'action', call: SignedCall, text: string | Buffer, signature: unknown): boolean {
    if (!this.required) return true;
    if (typeof signature !== 'string' || signature.length !== SIGNATURE_LENGTH) return false;
    const given = Buffer.from(signature, 'base64url');
    // All of them are compared, whichever fits.
    return (
      this.secrets.filter((secret) => {
        const right = hmac(secret, op, call, text);
        return right.length === given.length && timingSafeEqual(right, given);
      }).length > 0
    );
  }
}

/**
 * Lines of text, so that every language can write them. A gid, a branch id and an operation have no line break in them,
 * and what follows is the last.
 */
function hmac(
  secret: string,
  op: 'msg' | 'action',
  { gid, branchId }: SignedCall,
  text: string | Buffer,
): Buffer {
  return createHmac('sha256', secret).update(`${gid}\n${branchId}\n${op}\n`).update(text).digest();
}
