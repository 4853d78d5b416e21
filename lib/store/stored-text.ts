import { NAME_RULE } from '../core/name.js';
import { InvalidOptionError } from '../errors/index.js';
import type { JobChange, JobConditions, NewJob } from './job-store.js';

/** What the columns of names hold, in characters. */
const MAX_NAME_LENGTH = 255;

const ESCAPE = /\\u([0-9a-f]{4})/g;
const ESCAPED_BACKSLASH = String.raw`\u005c`;
const NOT_ASCII = /[\u0080-\uffff]/g;

/**
 * How texts are written into the tables. Where the connection or the database is not UTF-8, characters beyond ASCII would be
 * refused or silently changed on their way, so they travel as `\uXXXX`: in JSON that means the same, and other texts are
 * decoded when they are read.
 *
 * A text in which somebody wrote such an escape is escaped itself, everywhere. So reading depends on nothing: processes
 * with different connections read each other's rows.
 */
export class StoredText {
  constructor(private readonly unicode: boolean) {}

  encode(text: string): string {
    const plain = text.includes('\\u') ? text.replace(ESCAPE, `${ESCAPED_BACKSLASH}u$1`) : text;
    return this.json(plain);
  }

  json(text: string): string {
    return this.unicode ? text : text.replace(NOT_ASCII, escaped);
  }

  /** @throws InvalidOptionError for a name that does not fit as it is written. */
  checkName(name: string, option: string): void {
    if (this.encode(name).length <= MAX_NAME_LENGTH) return;
    const rule = this.unicode ? '' : ', and not UTF-8 here: characters beyond ASCII count as six';
    throw new InvalidOptionError(option, name, NAME_RULE + rule);
  }

  ofJob(job: NewJob): NewJob {
    const { name, stepName, steps, lookup } = job;
    return {
      ...job,
      name: name === null ? null : this.encode(name),
      steps: this.json(steps),
      stepName: this.encode(stepName),
      lookup: lookup === null ? null : this.json(lookup),
    };
  }

  ofQuery<Q extends JobConditions>(query: Q): Q {
    const { step, name, error, args } = query;
    return {
      ...query,
      ...(step !== undefined && { step: this.encode(step) }),
      ...(name !== undefined && { name: this.encode(name) }),
      ...(error !== undefined && { error: this.encode(error) }),
      ...(args !== undefined && { args: this.json(args) }),
    };
  }

  ofChange(change: JobChange): JobChange {
    const { stepName, error, errorName } = change;
    if (error === null && (stepName === null || this.encode(stepName) === stepName)) return change;
    return {
      ...change,
      stepName: stepName === null ? null : this.encode(stepName),
      error: error === null ? null : this.encode(error),
      // A text that is not the name of a class is none.
      ...(typeof errorName === 'string' && { errorName: this.encode(errorName).slice(0, MAX_NAME_LENGTH) }),
    };
  }
}

/** The text that was written by `encode()`. */
export function decodeText(text: string): string {
  if (!text.includes('\\u')) return text;
  return text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
