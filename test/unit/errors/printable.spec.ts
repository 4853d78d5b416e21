import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { LineLogger } from '../../../lib/core/line-logger.js';
import { JobNotFoundError, UnrecoverableStepError } from '../../../lib/errors/index.js';
import { printable } from '../../../lib/errors/printable.js';

describe('a text for one line', () => {
  it.each([
    ['line feed', 'a\nb', 'a\\nb'],
    ['carriage return', 'a\rb', 'a\\rb'],
    ['line separator', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
    ['vertical tab, form feed, next line', 'a\vb\fc\u0085d', 'a\\u{b}b\\u{c}c\\u{85}d'],
    ['terminal sequences', '\u001b[2J\u009b31m', '\\u{1b}[2J\\u{9b}31m'],
    ['NUL, backspace, delete', 'a\0\b\u007f', 'a\\u{0}\\u{8}\\u{7f}'],
    ['direction', 'a\u202eb\u2066c\u200fd', 'a\\u{202e}b\\u{2066}c\\u{200f}d'],
    ['invisible characters', 'a\u200b\ufeff\u{e0041}', 'a\\u{200b}\\u{feff}\\u{e0041}'],
    ['half a character', 'a\ud800', 'a\\u{d800}'],
    ['other languages and emoji', 'größer, עברית, 日本, 👩‍🚀', 'größer, עברית, 日本, 👩‍🚀'],
  ])('has %s shown or left', (_, text, expected) => {
    expect(printable(text, 1000)).toBe(expected);
  });

  it('is bounded, and keeps its beginning and its end', () => {
    const text = printable(`${'\n'.repeat(50_000_000)} do this`, 100);
    expect(text.length).toBeLessThanOrEqual(100);
    expect(text).toMatch(/^\\n.* … .*do this$/);
    expect(printable('x'.repeat(100), 100)).toBe('x'.repeat(100));
  });
});

const FORGED = 'x\n[Nest] 1  - ERROR [Payments] refunded\u001b[1A';

describe('the logger', () => {
  let warn: MockInstance<Logger['warn']>;
  beforeEach(() => {
    warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('writes one bounded line for whatever it is given', () => {
    const logger = new LineLogger('Test');
    logger.warn(`Step ${FORGED} failed: ${'y'.repeat(1e6)}`);
    logger.warn({ message: FORGED, step: 'y'.repeat(1e6), attempt: 1, nextAttemptInMs: null });
    const [[text], [fields]] = warn.mock.calls as [[string], [Record<string, unknown>]];
    expect(text).not.toMatch(/\p{Cc}/u);
    expect(text.length).toBeLessThanOrEqual(2000);
    expect(fields).toMatchObject({ attempt: 1, nextAttemptInMs: null });
    expect(JSON.stringify(fields).length).toBeLessThan(2500);
    expect(fields['message']).toBe('x\\n[Nest] 1  - ERROR [Payments] refunded\\u{1b}[1A');
  });
});

describe('an error of the library', () => {
  it('has a message of one bounded line, whatever it quotes', () => {
    for (const { message, stack } of [
      new JobNotFoundError(FORGED),
      new JobNotFoundError('\u202e'.repeat(1e6)),
    ]) {
      expect(message).not.toMatch(/\p{Cc}|\p{Cf}/u);
      expect(message.length).toBeLessThanOrEqual(4000);
      expect(stack!.split('\n')[1]).toMatch(/^ {4}at /);
    }
  });

  it("keeps the application's own words as they are", () => {
    expect(new UnrecoverableStepError('no:\n- a\n- b').message).toBe('no:\n- a\n- b');
  });
});
