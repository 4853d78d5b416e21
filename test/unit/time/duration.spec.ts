import { describe, expect, it } from 'vitest';
import { MAX_STORED_DURATION_MS, MAX_TIMER_MS, parseDuration } from '../../../lib/core/duration.js';
import { InvalidOptionError } from '../../../lib/errors/index.js';

describe('parseDuration', () => {
  it.each<[unknown, number]>([
    [0, 0],
    [1500, 1500],
    [1.6, 2],
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1.5s', 1500],
    ['0.5m', 30_000],
    ['0s', 0],
    ['30 s', 30_000],
    [' 30s ', 30_000],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseDuration(value, 'delay')).toBe(expected);
  });

  it.each<[unknown]>([
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [''],
    ['s'],
    ['30'],
    ['-5s'],
    ['+5s'],
    ['5 weeks'],
    ['5S'],
    ['.5s'],
    ['5.s'],
    ['1e3ms'],
    ['1s 2s'],
    ['١s'],
    ['9'.repeat(400) + 's'],
    [null],
    [undefined],
    [true],
    [10n],
    [{}],
    [['5s']],
    [new Date(5)],
  ])('refuses %s', (value) => {
    expect(() => parseDuration(value, 'retry.delay')).toThrow(InvalidOptionError);
    expect(() => parseDuration(value, 'retry.delay')).toThrow(/retry\.delay/);
  });

  it('keeps both ends of its range', () => {
    expect(parseDuration(10, 'x', { min: 10, max: 20 })).toBe(10);
    expect(parseDuration(20, 'x', { min: 10, max: 20 })).toBe(20);
    expect(() => parseDuration(9, 'x', { min: 10, max: 20 })).toThrow('from 10 to 20 ms');
    expect(() => parseDuration(21, 'x', { min: 10, max: 20 })).toThrow(InvalidOptionError);
    expect(() => parseDuration('0.4ms', 'x', { min: 1 })).toThrow(InvalidOptionError);
  });

  it('does not let a timer overflow unless it is told to', () => {
    expect(parseDuration(MAX_TIMER_MS, 'x')).toBe(MAX_TIMER_MS);
    expect(() => parseDuration('25d', 'x')).toThrow(InvalidOptionError);
    expect(parseDuration('365d', 'x', { max: MAX_STORED_DURATION_MS })).toBe(365 * 86_400_000);
  });
});
