import { HIDDEN } from '../core/hidden-texts.js';

/** Shorter ones are in every text. */
const LEAST_LENGTH = 4;

/** Of any URL. Bounded, and begun by what is rare: arguments of jobs may be megabytes of one word. */
const CREDENTIALS = /(:\/\/[^\s/:@?#'"]{0,255}):[^\s@'"]{0,1000}@/g;

/** Keeps the secrets of a connection out of whatever is written. */
export class Secrets {
  private readonly known = new Set<string>();

  /** Adds a password, as it is and as it stands in a URL. */
  add(secret: unknown): void {
    if (typeof secret !== 'string' || secret.length < LEAST_LENGTH) return;
    const plain = decoded(secret);
    for (const text of [secret, plain, encodeURIComponent(plain)]) this.known.add(text);
  }

  /**
   * Adds the password of a URL. Also of what was meant to be one: with quotes around it, a slash too few, without its scheme. And a password
   * with an @ or a slash in it should be encoded, and often is not.
   */
  addUrl(url: unknown): void {
    if (typeof url !== 'string') return;
    for (const end of [url.indexOf('@'), url.lastIndexOf('@')]) {
      for (let colon = url.indexOf(':'); colon !== -1 && colon < end; colon = url.indexOf(':', colon + 1)) {
        // Behind a scheme stands a user.
        if (!url.startsWith('://', colon)) this.add(url.slice(colon + 1, end));
      }
    }
  }

  /** A text without the secrets that are known, and without the password of any URL in it. */
  hide(text: string): string {
    let shown = text.replace(CREDENTIALS, `$1:${HIDDEN}@`);
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
