import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { LEFT_OUT, shownAnswer } from '../../../lib/tm/dtm/shown-answer.js';

it.each([
  ['as they are', (value: string) => value],
  ['as JSON', (value: string) => JSON.stringify(value).replaceAll('/', '\\/')],
  ['in a URL', encodeURIComponent],
  ['in base64', (value: string) => Buffer.from(value).toString('base64')],
  ['cut', (value: string) => value.slice(0, 30)],
])('an answer is left out that repeats the headers of the request %s', (_how, write) => {
  const headers = { authorization: 'Digest response="S3cret/one+two"' };
  expect(shownAnswer(`${write(headers.authorization)} is refused`, headers)).toBe(LEFT_OUT);
});

it.each([
  'pq: value too long for type character varying(1024)',
  'dial tcp 127.0.0.1:5432: connect: connection refused',
  'database is locked',
  'the request time out of step has passed',
  'runtime error: index out of range [1] with length 1',
  'no TransGlobal with gid: 0b0f8dbe-6a2c-4a53-9f0b-0d1f6d3b7a55 found',
  'wait result not return success: http://app:3000/stepping/step answers 500',
  'a bearer token is missing',
])('an answer is shown that repeats nothing secret: %s', (answer) => {
  const headers = { authorization: 'Bearer header-S3cret', 'x-none': '' };
  const frame = '"step":"pay","time":1790000000000,"requestTimeout":30,"database":{"dataSource":"default"}';
  const payload = `{"signature":"${'aB3_'.repeat(11).slice(1)}",${frame},"args":{"card":"4111-S3cret","ok":true,"n":12}}`;
  const request = {
    payloads: [payload, ''],
    steps: [
      { action: 'http://app:3000/stepping/step' },
      { action: 'https://shop/notify?token=t0ken-S3cret' },
    ],
    query_prepared:
      'http://app:3000/stepping/query-prepared?stepping-query=eyJ0aW1lIjoxfQ&stepping-signature=s3cr',
    branch_headers: {},
  };
  expect(shownAnswer(answer, headers, request)).toBe(answer);
  expect(shownAnswer(`${answer} at /notify?token=t0ken-S3cret`, headers, request)).toBe(LEFT_OUT);
});

it.each([
  ['as it is', (value: string) => value],
  ['in a URL', encodeURIComponent],
  ['as latin1', (value: string) => Buffer.from(value).toString('latin1')],
  ['in escapes', (value: string) => value.replace(/./g, (one) => `\\u0${one.charCodeAt(0).toString(16)}`)],
  ['in base64', (value: string) => Buffer.from(value).toString('base64')],
])('an answer is left out that repeats letters of any script %s', (_how, write) => {
  const payload = '{"step":"pay","time":1,"args":{"имя":"Светлана"}}';
  expect(shownAnswer(`not stored: ${write('Светлана')}.`, {}, { payloads: [payload] })).toBe(LEFT_OUT);
});

it('an answer is left out that holds what nobody can read', () => {
  const packed = gzipSync('{"card":"4111-S3cret","name":"Smith"}').toString('base64');
  expect(shownAnswer(`not stored: ${packed}`, {}, { payloads: ['{}'] })).toBe(LEFT_OUT);
});

it('an answer that repeats a part of a header is left out', () => {
  const headers = { authorization: 'Digest username="shop", response="S3cret/one"' };
  expect(shownAnswer('no response is S3cret/one', headers)).toBe(LEFT_OUT);
});

it('no more of an answer is looked at than may be shown of it', () => {
  expect(shownAnswer('x, '.repeat(10_000_000), { authorization: 'x-S3cret' })).toBe(
    'x, '.repeat(200).slice(0, 500),
  );
});

it('large arguments, deep ones, and those that are no JSON are looked for', () => {
  const deep = `${'['.repeat(50_000)}"4111-S3cret"${']'.repeat(50_000)}`;
  const long = JSON.stringify({
    texts: Array.from({ length: 200_000 }, (_, index) => `text ${index}`),
    card: '4111-S3cret',
  });
  for (const payload of [deep, long, 'no JSON 4111-S3cret']) {
    expect(shownAnswer("duplicate key '4111-S3cret'", {}, { payloads: [payload] })).toBe(LEFT_OUT);
    expect(shownAnswer('the disk is full', {}, { payloads: [payload] })).toBe('the disk is full');
  }
});
