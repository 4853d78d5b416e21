import { isRecord } from '../core/options.js';
import { MASK, maskedText } from './masked-text.js';

/** What lies deeper is masked as a whole. */
const MAX_DEPTH = 100;

/**
 * Keeps secrets in the process: values whose keys fit a pattern, at any depth of arguments, and in texts those that stand after such a key.
 * What has no key, such as a password in the middle of a sentence, cannot be known.
 */
export class Mask {
  constructor(private readonly patterns: readonly RegExp[]) {}

  /** A value as it may be shown: plain data, of which nothing is changed. */
  value(value: unknown): unknown {
    return this.masked(value, MAX_DEPTH);
  }

  /** A text as it may be shown. */
  text(text: string): string;
  text(text: string | null): string | null;
  text(text: string | null): string | null {
    return text === null || this.patterns.length === 0 ? text : maskedText(text, this);
  }

  /** Whether the values of a key stay in the process. */
  hides(key: string): boolean {
    // One letter may be written as several characters.
    const composed = key.normalize('NFKC');
    return this.patterns.some((pattern) => pattern.test(key) || pattern.test(composed));
  }

  /**
   * What is to be stored of a value that was shown masked and has come back: a masked part that was left as it is stands for what is stored
   * at the same place. Places are found by the keys of objects alone: the entries of a list may have moved.
   *
   * @throws MaskedValueError where a masked part has nothing to stand for. The mask itself is never returned.
   */
  restored(edited: unknown, stored: unknown): unknown {
    return this.restoredAt(edited, stored, this.value(stored), 'args', MAX_DEPTH);
  }

  private masked(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth === 0) return MASK;
    if (Array.isArray(value)) return value.map((item) => this.masked(item, depth - 1));
    // Made of entries, a key such as `__proto__` stays a key.
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        this.text(key),
        this.hides(key) && item !== null && item !== undefined ? MASK : this.masked(item, depth - 1),
      ]),
    );
  }

  private restoredAt(edited: unknown, stored: unknown, shown: unknown, path: string, depth: number): unknown {
    if (!holdsMask(edited, MAX_DEPTH)) return edited;
    if (stored !== undefined && isSame(edited, shown)) return stored;
    if (depth === 0 || !isRecord(edited) || !isRecord(stored) || !isRecord(shown)) {
      throw new MaskedValueError(path);
    }
    const entries = Object.entries(edited).map(([key, item]) => {
      if (key.includes(MASK)) throw new MaskedValueError(path);
      const [before, seen] = [ownOf(stored, key), ownOf(shown, key)];
      return [key, this.restoredAt(item, before, seen, `${path}.${key}`, depth - 1)] as const;
    });
    return Object.fromEntries(entries);
  }
}

/** A masked value stands where nothing, or something else, is stored. */
export class MaskedValueError extends Error {
  constructor(readonly path: string) {
    super(
      `What is masked at ${path} cannot be kept: write the value, or leave everything there as it was shown.`,
    );
  }
}

/** Whether a mask is anywhere in it. What is too deep to be looked at counts as one. */
function holdsMask(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.includes(MASK);
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  return Object.entries(value).some(([key, item]) => key.includes(MASK) || holdsMask(item, depth - 1));
}

function ownOf(record: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Whether both are the same plain data, whatever the order of their keys. */
function isSame(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(Reflect.get(left, key), Reflect.get(right, key)))
  );
}
