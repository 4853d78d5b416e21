import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Compares names and passwords in a time that tells nothing of them, not even their length. */
export class BasicAuth {
  private readonly key = randomBytes(32);
  private readonly expected: Buffer;

  constructor({ user, password }: { readonly user: string; readonly password: string }) {
    this.expected = this.digest(Buffer.from(`${user}:${password}`));
  }

  /** @param authorization The header. */
  accepts(authorization: string): boolean {
    const [, encoded = ''] = /^basic +([\w+/=-]+) *$/i.exec(authorization) ?? [];
    return timingSafeEqual(this.digest(Buffer.from(encoded, 'base64')), this.expected);
  }

  private digest(credentials: Buffer): Buffer {
    return createHmac('sha256', this.key).update(credentials).digest();
  }
}
