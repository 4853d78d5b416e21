/** What a name of a step or a job may be, for errors. */
export const NAME_RULE = 'a text of 1 to 255 characters, without control characters and spaces at either end';

const MAX_LENGTH = 255;
// oxlint-disable-next-line no-control-regex -- that is what is looked for
const REFUSED = /[\u0000-\u001f\u007f-\u009f]|^\s|\s$|\p{Surrogate}/u;

/**
 * Whether every database can keep the name, and tells it from all others: some refuse NUL, some compare without regard to
 * spaces at the end, and half a character comes back as another one.
 */
export function isName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= MAX_LENGTH && !REFUSED.test(name);
}
