import { entriesOf } from '../../core/options.js';
import { InvalidOptionError } from '../../errors/index.js';

const NAME = /^[0-9a-z_.-]+$/;
/** Printable ASCII: DTM cannot send anything else, and would try for ever. */
const VALUE = /^[\u0020-\u007e]*$/;
/** The library's own, and those that DTM, HTTP or gRPC set: they would be dropped, doubled or overridden. */
const RESERVED = /^(?:dtm-|grpc-|stepping-|:)|-bin$/;
const TRANSPORT = /^(?:accept|connection|content-length|content-type|host|te|transfer-encoding|user-agent)$/;

/**
 * Checks headers that DTM is to send with every callback, names in lower case.
 *
 * @throws InvalidOptionError for one that DTM could not send, or that would not arrive as it was given.
 */
export function checkBranchHeaders(headers: unknown, option: string): Readonly<Record<string, string>> {
  const checked: Record<string, string> = {};
  for (const [given, value] of entriesOf(headers, option)) {
    const name = given.toLowerCase();
    const place = `${option}[${JSON.stringify(given)}]`;
    if (!NAME.test(name)) throw new InvalidOptionError(place, given, 'a name of letters, digits and - _ .');
    if (RESERVED.test(name) || TRANSPORT.test(name)) {
      throw new InvalidOptionError(place, given, 'a name that neither DTM nor its transport uses itself');
    }
    if (Object.hasOwn(checked, name)) throw new InvalidOptionError(place, given, 'each name once');
    if (typeof value !== 'string' || !VALUE.test(value)) {
      // Not the value: it may be secret.
      throw new InvalidOptionError(place, undefined, 'a text of printable ASCII; encode other characters');
    }
    checked[name] = value;
  }
  return checked;
}
