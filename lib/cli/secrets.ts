const HIDDEN = '***';
/** Shorter ones are in every text. */
const LEAST_LENGTH = 4;

/** Keeps the secrets of a connection out of whatever is written. */
export class Secrets {
  private readonly known = new Set<string>();

  /** Adds a password, as it is and as it stands in a URL. */
  add(secret: unknown): void {
    if (typeof secret !== 'string' || secret.length < LEAST_LENGTH) return;
    const plain = decoded(secret);
    for (const text of [secret, plain, encodeURIComponent(plain)]) this.known.add(text);
  }

  /** Adds the password of a URL. */
  addUrl(url: unknown): void {
    if (typeof url !== 'string') return;
    // A password with an @ or a slash in it should be encoded, and often is not.
    for (const password of [/^[a-z+]+:\/\/[^:/?#]*:([^@]*)@/i, /^[a-z+]+:\/\/[^:/?#]*:(.*)@/i])
      this.add(password.exec(url)?.[1]);
  }

  /** A text without the secrets that are known, and without the password of any URL in it. */
  hide(text: string): string {
    let shown = text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/:@?#'"]*):[^\s@'"]*@/gi, `$1:${HIDDEN}@`);
    for (const secret of this.known) shown = shown.replaceAll(secret, HIDDEN);
    return shown.replace(/([?&]password=)[^&\s'"]*/gi, `$1${HIDDEN}`);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
