import { ConsoleLogger, Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { LineLogger } from '../../../lib/core/line-logger.js';
import { JobNotFoundError, UnrecoverableStepError } from '../../../lib/errors/index.js';
import { printable, printableJson } from '../../../lib/errors/printable.js';

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
    ['fillers', 'a\u3164\u115fb\uffa0\u2800', 'a\\u{3164}\\u{115f}b\\u{ffa0}\\u{2800}'],
    ['a joiner of graphemes', 'a\u034fb', 'a\\u{34f}b'],
    ['variation selectors', 'a\ufe0f\u180b1\ufe0f\u{e0100}', 'a\\u{fe0f}\\u{180b}1\\u{fe0f}\\u{e0100}'],
    ['what is kept for invisible ones', 'a\ufff0\u{e0000}', 'a\\u{fff0}\\u{e0000}'],
    ['blanks', 'a\u00a0b\u3000c', 'a\u00a0b\u3000c'],
    ['half a character', 'a\ud800', 'a\\u{d800}'],
    ['other languages and emoji', 'größer, עברית, 日本, 👩‍🚀, ⚠\ufe0f', 'größer, עברית, 日本, 👩‍🚀, ⚠\ufe0f'],
  ])('has %s shown or left', (_, text, expected) => {
    expect(printable(text, 1000)).toBe(expected);
  });

  it('has them as JSON escapes where it is JSON', () => {
    const json = JSON.stringify({ text: 'a\u3164\u{e0100}\u2800' });
    expect(printableJson(json)).toBe('{"text":"a\\u3164\\udb40\\udd00\\u2800"}');
    expect(JSON.parse(printableJson(json))).toEqual(JSON.parse(json));
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
    expect(JSON.stringify(fields).length).toBeLessThanOrEqual(2000);
    expect(fields['message']).toBe('x\\n[Nest] 1  - ERROR [Payments] refunded\\u{1b}[1A');
  });
});

describe('a line that Nest writes', () => {
  /** Time, level and process of the line, and the blanks between the fields. */
  const AROUND = 150;

  afterEach(() => {
    vi.restoreAllMocks();
    Logger.overrideLogger(['error', 'warn']);
  });

  it.each([
    ['text', '"'],
    ['text', '\\'],
    ['text', `'"\``],
    ['JSON', '"'],
    ['JSON', '\\'],
    ['JSON', '\u3164\u{e0100}'],
  ])('as %s has no more than 2,000 characters of ours, also of many %j', (how, sign) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    Logger.overrideLogger(new ConsoleLogger({ json: how === 'JSON', colors: false }));
    const text = sign.repeat(3000);
    new LineLogger('Test').warn({ message: `Step ${text} failed`, step: text, error: text, attempt: 1 });
    new LineLogger('Test').warn(text);
    const lines = write.mock.calls.map(([line]) => String(line));
    vi.restoreAllMocks();
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(2000 + AROUND);
      expect(line.length).toBeGreaterThan(800);
    }
  });

  it('keeps a text that fits as it is', () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    new LineLogger('Test').warn('x'.repeat(2000));
    new LineLogger('Test').warn({ message: 'm', error: 'e'.repeat(1000), step: 's'.repeat(255) });
    expect(warn.mock.calls).toEqual([
      ['x'.repeat(2000)],
      [{ message: 'm', error: 'e'.repeat(1000), step: 's'.repeat(255) }],
    ]);
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
