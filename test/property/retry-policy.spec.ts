import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveRetryPolicy, type RetryPolicyOptions } from '../../lib/core/steps/retry-policy.js';
import { InvalidOptionError } from '../../lib/errors/index.js';

const error = new Error('failed');
const options: fc.Arbitrary<RetryPolicyOptions> = fc.record(
  {
    delay: fc.oneof(fc.nat(100_000), fc.constantFrom('1s', '5m', '0s')),
    factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
    maxDelay: fc.oneof(fc.nat(10_000_000), fc.constantFrom('10m', '7d')),
    jitter: fc.boolean(),
    maxAttempts: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.constant(Number.POSITIVE_INFINITY)),
  },
  { requiredKeys: [] },
);
const attempts = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2 ** 31 }));

describe('the wait after a failed attempt', () => {
  it('is a whole number of milliseconds from 0 to the longest wait, or none once the attempts are used up', () => {
    fc.assert(
      fc.property(options, attempts, (policy, attempt) => {
        const resolved = resolveRetryPolicy(policy, 'retry');
        const wait = resolved.nextDelay(attempt, error);
        expect(wait === false).toBe(attempt >= resolved.maxAttempts);
        if (wait === false) return;
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(resolved.backoff.maxDelay);
      }),
      { numRuns: 2000 },
    );
  });

  it('never becomes shorter without jitter, and with jitter is never longer than without', () => {
    fc.assert(
      fc.property(options, attempts, (policy, attempt) => {
        const unlimited = { ...policy, maxAttempts: Number.POSITIVE_INFINITY };
        const steady = resolveRetryPolicy({ ...unlimited, jitter: false }, 'retry');
        const spread = resolveRetryPolicy({ ...unlimited, jitter: true }, 'retry');
        const wait = steady.nextDelay(attempt, error) as number;
        expect(steady.nextDelay(attempt + 1, error)).toBeGreaterThanOrEqual(wait);
        expect(spread.nextDelay(attempt, error)).toBeLessThanOrEqual(wait);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps to its bounds whatever a function answers or throws', () => {
    const answer = fc.oneof(fc.anything(), fc.constant(false), fc.nat(), fc.constantFrom('5s', 'soon'));
    fc.assert(
      fc.property(answer, fc.boolean(), attempts, (given, throws, attempt) => {
        const policy = (): never => {
          if (throws) throw given;
          return given as never;
        };
        const wait = resolveRetryPolicy(policy, 'retry').nextDelay(attempt, error);
        if (wait === false) {
          expect(given).toBe(false);
          return;
        }
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('is refused as an option, and in no other way, when it makes no sense', () => {
    fc.assert(
      fc.property(fc.anything(), (given) => {
        try {
          resolveRetryPolicy(given as RetryPolicyOptions, 'retry');
        } catch (problem) {
          expect(problem).toBeInstanceOf(InvalidOptionError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
