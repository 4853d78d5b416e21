import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_STORED_DURATION_MS, parseDuration } from '../../lib/core/duration.js';
import { InvalidOptionError } from '../../lib/errors/index.js';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Answers the milliseconds, or undefined when the value is refused as the library refuses options. */
function read(value: unknown, range?: { min?: number; max?: number }): number | undefined {
  try {
    return parseDuration(value, 'x', range);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return undefined;
  }
}

describe('durations', () => {
  it('are whole milliseconds within their range, or refused, whatever is given', () => {
    const range = fc.tuple(fc.nat(1e6), fc.nat(1e9)).map(([min, more]) => ({ min, max: min + more }));
    const value = fc.oneof(
      fc.anything(),
      fc.double(),
      fc.string(),
      fc.stringMatching(/^\d{1,9}(\.\d)?(ms|s|m|h|d)$/),
    );
    fc.assert(
      fc.property(value, range, (given, limits) => {
        const milliseconds = read(given, limits);
        if (milliseconds === undefined) return;
        expect(Number.isSafeInteger(milliseconds)).toBe(true);
        expect(milliseconds).toBeGreaterThanOrEqual(limits.min);
        expect(milliseconds).toBeLessThanOrEqual(limits.max);
      }),
      { numRuns: 2000 },
    );
  });

  it('mean the same as text and as milliseconds', () => {
    const unit = fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[]));
    fc.assert(
      fc.property(fc.nat(10_000), unit, (count, name) => {
        const limits = { max: MAX_STORED_DURATION_MS };
        expect(read(`${count}${name}`, limits)).toBe(read(count * UNITS[name], limits));
        expect(read(` ${count} ${name} `, limits)).toBe(read(count * UNITS[name], limits));
      }),
    );
  });
});
