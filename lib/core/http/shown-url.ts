import { HIDDEN } from '../hidden-texts.js';

/**
 * Words such as `orders`, `sendMessage`, `order-lines`, `v1` and `items.json`, and short numbers. Tokens are long, or mix
 * digits, cases and signs.
 */
const WORD =
  /^(?:[a-z]{1,15}(?:[A-Z][a-z]{1,14}){0,3}|[A-Z]?[a-z]{1,15}(?:[-_][a-z]{1,15}){0,3})(?:\.[a-z]{1,5})?$/;
const VERSION = /^v\d{1,3}$/;
const NUMBER = /^\d{1,8}$/;
/** No language has so many in a row. */
const CONSONANTS = /[bcdfghjklmnpqrstvwxz]{6}/i;

function looksHarmless(segment: string): boolean {
  if (segment === '' || VERSION.test(segment) || NUMBER.test(segment)) return true;
  return WORD.test(segment) && !CONSONANTS.test(segment);
}

/**
 * Host and path of a URL, for errors and logs: without user info, query and fragment, and without parts of the path that may be a token, as
 * webhooks have them.
 */
export function shownUrl({ host, pathname }: URL): string {
  const path = pathname.split('/').map((segment) => (looksHarmless(segment) ? segment : HIDDEN));
  return `${host}${path.join('/')}`;
}

/** What `shownUrl()` hides. */
export function hiddenParts(url: URL): string[] {
  const segments = url.pathname.split('/').filter((segment) => !looksHarmless(segment));
  const values = url.search
    .slice(1)
    .split('&')
    .map((part) => part.slice(part.indexOf('=') + 1));
  return [...segments, ...values, url.search.slice(1), url.hash.slice(1), url.username, url.password];
}
