import { describe, expect, it } from 'vitest';
import { parseByteSize } from '../../../lib/core/byte-size.js';
import { InvalidOptionError } from '../../../lib/errors/index.js';

const read = (value: unknown) => parseByteSize(value, 'maxBytes', 1, 2 ** 40);

describe('parseByteSize', () => {
  it.each<[unknown, number]>([
    [1, 1],
    [1.6, 2],
    ['100B', 100],
    ['512kB', 524_288],
    ['64MB', 67_108_864],
    ['64mb', 67_108_864],
    ['1.5GB', 1_610_612_736],
    [' 2 MB ', 2_097_152],
  ])('reads %j as %d bytes', (value, expected) => {
    expect(read(value)).toBe(expected);
  });

  it.each<[unknown]>([
    [0],
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [''],
    ['64'],
    ['MB'],
    ['-1MB'],
    ['1TB'],
    ['1MiB'],
    ['1e3kB'],
    ['9999GB'],
    [null],
    [true],
  ])('refuses %j', (value) => {
    expect(() => read(value)).toThrow(InvalidOptionError);
  });
});
