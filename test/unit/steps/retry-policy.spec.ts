import { afterEach, describe, expect, it, vi } from 'vitest';
import { resolveRetryPolicy, type RetryPolicy } from '../../../lib/core/steps/retry-policy.js';
import { InvalidOptionError } from '../../../lib/errors/index.js';

const error = new Error('failed');

afterEach(() => {
  vi.restoreAllMocks();
});

function waits(policy: RetryPolicy | undefined, attempts: number[]): (number | false)[] {
  const resolved = resolveRetryPolicy(policy, 'retry');
  return attempts.map((attempt) => resolved.nextDelay(attempt, error));
}

describe('resolveRetryPolicy', () => {
  it('doubles from one second to ten minutes without an end', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999_999);
    expect(waits(undefined, [1, 2, 3, 10, 11, 5000, 1e9])).toEqual([
      999, 1999, 3999, 511_999, 599_999, 599_999, 599_999,
    ]);
    expect(resolveRetryPolicy(undefined, 'retry').maxAttempts).toBe(Number.POSITIVE_INFINITY);
  });

  it('waits anything between zero and the wait, so that jobs spread', () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.5);
    expect(waits(undefined, [3, 3])).toEqual([0, 2000]);
  });

  it('takes every option', () => {
    const policy = { delay: '2s', factor: 3, maxDelay: '10s', jitter: false, maxAttempts: 4 };
    expect(waits(policy, [1, 2, 3, 4, 5])).toEqual([2000, 6000, 10_000, false, false]);
    expect(resolveRetryPolicy(policy, 'retry').maxAttempts).toBe(4);
  });

  it('does not wait at all with a delay of zero, whatever the attempt', () => {
    expect(waits({ delay: 0, jitter: false }, [1, 5000])).toEqual([0, 0]);
  });

  it('lays the options of a step over those of the module', () => {
    const module = resolveRetryPolicy({ delay: 10, jitter: false, maxAttempts: 3 }, 'retry');
    const step = resolveRetryPolicy({ factor: 1 }, 'retry', module);
    expect([1, 2, 3].map((attempt) => step.nextDelay(attempt, error))).toEqual([10, 10, false]);
    const unlimited = resolveRetryPolicy({ maxAttempts: Number.POSITIVE_INFINITY }, 'retry', module);
    expect(unlimited.nextDelay(100, error)).toBe(600_000);
    expect(resolveRetryPolicy(undefined, 'retry', module)).toBe(module);
  });

  it('lets a function decide, which sees the attempt and the error', () => {
    const policy = vi.fn((attempt: number) => (attempt < 3 ? ('5s' as const) : (false as const)));
    expect(waits(policy, [1, 2, 3])).toEqual([5000, 5000, false]);
    expect(policy).toHaveBeenNthCalledWith(2, 2, error);
    const module = resolveRetryPolicy({ maxAttempts: 1 }, 'retry');
    expect(resolveRetryPolicy(policy, 'retry', module).nextDelay(2, error)).toBe(5000);
    expect(resolveRetryPolicy(policy, 'retry', module).maxAttempts).toBe(Number.POSITIVE_INFINITY);
  });

  it.each<[string, unknown]>([
    ['text that is none', 'soon'],
    ['NaN', Number.NaN],
    ['a negative number', -5],
    ['nothing', undefined],
    ['true', true],
    ['a promise', Promise.resolve(5)],
    ['a promise that rejects', 'reject'],
  ])('falls back to the module when a function answers %s', (_what, answer) => {
    const module = resolveRetryPolicy({ delay: 7, factor: 1, jitter: false, maxAttempts: 1 }, 'retry');
    const policy = (() => (answer === 'reject' ? Promise.reject(error) : answer)) as unknown as RetryPolicy;
    const problems: unknown[] = [];
    const resolved = resolveRetryPolicy(policy, 'retry', module);
    expect(resolved.nextDelay(9, error, (problem) => problems.push(problem))).toBe(7);
    expect(problems).toEqual([expect.any(InvalidOptionError)]);
  });

  it('falls back when a function throws, and says so', () => {
    const bug = new TypeError('error.response is undefined');
    const policy = (): never => {
      throw bug;
    };
    const onInvalid = vi.fn();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(resolveRetryPolicy(policy, 'retry').nextDelay(1, error, onInvalid)).toBe(500);
    expect(onInvalid).toHaveBeenCalledExactlyOnceWith(bug);
    expect(resolveRetryPolicy(policy, 'retry').nextDelay(1, error)).toBe(500);
  });

  it.each<[unknown, string]>([
    [{ delay: -1 }, 'retry.delay'],
    [{ delay: 'soon' }, 'retry.delay'],
    [{ maxDelay: Number.POSITIVE_INFINITY }, 'retry.maxDelay'],
    [{ factor: 0.5 }, 'retry.factor'],
    [{ factor: Number.POSITIVE_INFINITY }, 'retry.factor'],
    [{ factor: '2' }, 'retry.factor'],
    [{ jitter: 'full' }, 'retry.jitter'],
    [{ maxAttempts: 0 }, 'retry.maxAttempts'],
    [{ maxAttempts: 1.5 }, 'retry.maxAttempts'],
    [{ maxAttempts: '3' }, 'retry.maxAttempts'],
    [{ maxAttempt: 3 }, 'retry.maxAttempt'],
    [null, 'retry'],
    [5, 'retry'],
    [[], 'retry'],
  ])('refuses %j', (policy, option) => {
    expect(() => resolveRetryPolicy(policy as RetryPolicy, 'retry')).toThrow(InvalidOptionError);
    expect(() => resolveRetryPolicy(policy as RetryPolicy, 'retry')).toThrow(`'${option}'`);
  });

  it('takes options that are undefined as left out', () => {
    const policy = { delay: undefined, maxAttempts: undefined, jitter: undefined, factor: undefined };
    expect(() => resolveRetryPolicy(policy, 'retry')).not.toThrow();
  });
});
