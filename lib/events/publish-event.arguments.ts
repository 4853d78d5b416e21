import { InvalidOptionError } from '../errors/index.js';
import { isName, NAME_RULE } from '../core/name.js';
import { entriesOf, readOptions } from '../core/options.js';
import { checkedOption } from '../core/options.js';
import { MESSAGE_ID } from './message-id.js';
import type { EventProblem } from './event-transport.js';

/**
 * The arguments of `PublishEventStep`.
 *
 * @publicApi
 */
export interface PublishEventArguments {
  /** One of the names under `transports`. */
  readonly transport: string;
  /** What receivers subscribe to: 1 to 255 characters, no control characters, no space at either end. */
  readonly pattern: string;
  /** Plain JSON, and not `null`. */
  readonly payload: unknown;
  /** Headers that travel with the event. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The id that travels with the event, a text like `pattern`. Default: the idempotency key of the step. */
  readonly id?: string;
}

/** RFC 9110, section 5.6.2: what every broker takes as the name of a header. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,255}$/;
// oxlint-disable-next-line no-control-regex -- that is what is looked for
const REFUSED_IN_HEADERS = /[\u0000-\u001f\u007f]|\p{Surrogate}/u;

const nameOption = (value: unknown, option: string): void => {
  if (!isName(value)) throw new InvalidOptionError(option, undefined, NAME_RULE);
};

const OPTIONS = {
  transport: nameOption,
  pattern: nameOption,
  payload: (payload: unknown, option: string) => {
    if (payload == null) throw new InvalidOptionError(option, undefined, 'JSON other than null');
  },
  headers: (headers: unknown, option: string) => {
    for (const [name, value] of entriesOf(headers, option)) {
      const expected = expectedOf(name, value);
      if (expected === undefined) continue;
      throw new InvalidOptionError(`${option}[${JSON.stringify(name)}]`, undefined, expected);
    }
  },
  id: checkedOption(isName, NAME_RULE),
};

/** Finds what would be refused each time the step runs. Reasons never repeat values. */
export function checkPublishEvent(args: unknown): EventProblem | undefined {
  try {
    readOptions(args, 'args', OPTIONS);
    return undefined;
  } catch (error) {
    const { option, expected } = error as InvalidOptionError;
    return { path: option, reason: `must be ${expected}.` };
  }
}

function expectedOf(name: string, value: unknown): string | undefined {
  if (name.toLowerCase() === MESSAGE_ID) return 'left out: it is the id of the event';
  if (!HEADER_NAME.test(name)) return 'a name of letters, digits and hyphens';
  const isText = typeof value === 'string' && !REFUSED_IN_HEADERS.test(value);
  return isText ? undefined : 'a text without control characters';
}
