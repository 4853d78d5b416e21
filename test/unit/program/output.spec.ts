import { describe, expect, it } from 'vitest';
import { Secrets } from '../../../lib/cli/secrets.js';
import { pairs, table, wrapped } from '../../../lib/cli/table.js';
import { roughSpanText, spanText } from '../../../lib/core/time-text.js';

describe('a table', () => {
  const rows = [
    { id: 'a', text: 'short', number: 7 },
    { id: 'a-long-id-that-is-copied', text: 'a text that is longer than the line may be', number: 1200 },
  ];
  const columns = [
    { title: 'ID', cell: (row: (typeof rows)[0]) => row.id },
    { title: 'TEXT', cell: (row: (typeof rows)[0]) => row.text, cuttable: true },
    { title: 'N', cell: (row: (typeof rows)[0]) => row.number },
  ];

  it('aligns words to the left, numbers to the right', () => {
    expect(table(rows, columns, undefined)).toEqual([
      'ID                        TEXT                                           N',
      'a                         short                                          7',
      'a-long-id-that-is-copied  a text that is longer than the line may be  1200',
    ]);
  });

  it('cuts what may be cut to the width', () => {
    const lines = table(rows, columns, 50);
    expect(lines.map((line) => line.length)).toEqual([50, 50, 50]);
    expect(lines[2]).toBe('a-long-id-that-is-copied  a text that is lo…  1200');
  });

  it('prints nothing that moves a cursor, or that cannot be seen', () => {
    const lineOf = (text: string) => table([{ ...rows[0]!, text }], columns, undefined)[1];
    expect(lineOf('\u001b[2J\nx')).toBe('a   \\u{1b}[2J\\nx  7');
    expect(lineOf('\u3164\u{e0100}')).toBe('a   \\u{3164}\\u{e0100}  7');
  });
});

it('texts are wrapped under each other, at spaces', () => {
  expect(
    pairs(
      [
        ['A', 'one two three'],
        ['Long', 'x'],
      ],
      14,
    ),
  ).toEqual(['A     one two', '      three', 'Long  x']);
  expect(wrapped('averylongword b', 5)).toEqual(['averylongword', 'b']);
});

it('spans of time read as a person says them', () => {
  const texts = [0, 999, 1000, 59_999, 60_000, 200_000, 7_500_000, 90_000_000].map(spanText);
  expect(texts).toEqual(['0 ms', '999 ms', '1 s', '59 s', '1 min', '3 min 20 s', '2 h 5 min', '1 d 1 h']);
  expect(roughSpanText(200_000)).toBe('3 min');
});

describe('secrets', () => {
  it('are hidden as they are, and as they stand in a URL', () => {
    const secrets = new Secrets();
    secrets.addUrl('postgres://me:p%40ss/word@host/db');
    const shown = secrets.hide('p%40ss/word, p@ss/word and p%40ss%2Fword of me');
    expect(shown).not.toMatch(/ss.?(?:2F)?word/);
    secrets.add('abc');
    expect(secrets.hide('the abc')).toBe('the abc');
  });

  it('are hidden in any URL', () => {
    const secrets = new Secrets();
    expect(secrets.hide('of mysql://me:hunter22@h/db and x')).toBe('of mysql://me:***@h/db and x');
    expect(secrets.hide('postgres://h/db?user=me&password=hunter22')).toBe(
      'postgres://h/db?user=me&password=***',
    );
    expect(secrets.hide('http://h:80/x at 12:30')).toBe('http://h:80/x at 12:30');
  });

  it.each([
    ['a'.repeat(1_000_000), 'one word'],
    [`a://${'b'.repeat(1_000_000)}:`, 'one user'],
    [`a://b:${'c'.repeat(1_000_000)}`, 'one password'],
    ['a://b:'.repeat(150_000), 'many beginnings'],
  ])('are looked for in a time that grows with the text only', (text) => {
    const began = performance.now();
    new Secrets().hide(text);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
