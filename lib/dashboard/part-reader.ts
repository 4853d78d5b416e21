import { LineLogger } from '../core/line-logger.js';
import { errorText, propertyOf } from '../errors/error-text.js';

/** A part of an answer, or why it is not there. */
export type Part<T> =
  | { readonly value: T }
  | {
      readonly value: null;
      readonly error: unknown;
      /** Whether the manager cannot tell it at all, in which nothing is wrong. */
      readonly unsupported: boolean;
    };

/** Reads the parts of an answer: one that cannot be read does not take the others with it. */
export class PartReader {
  private readonly logger = new LineLogger('SteppingDashboard');
  private readonly failing = new Set<string>();

  /** @param what for the log, which tells of it once until it can be read again. */
  async read<T>(what: string, work: () => Promise<T>): Promise<Part<T>> {
    try {
      const value = await work();
      this.failing.delete(what);
      return { value };
    } catch (error) {
      const unsupported = isUnsupported(error);
      if (!unsupported) this.report(what, error);
      return { value: null, error, unsupported };
    }
  }

  private report(what: string, error: unknown): void {
    if (this.failing.has(what)) return;
    this.failing.add(what);
    this.logger.warn(`The dashboard could not read ${what}: ${errorText(error)}`);
  }
}

/** The value of a part that is all that was asked for. */
export function valueOf<T>(part: Part<T>): T {
  if ('error' in part) throw part.error;
  return part.value;
}

function isUnsupported(error: unknown): boolean {
  return String(propertyOf(error, 'code')).endsWith('_UNSUPPORTED');
}
