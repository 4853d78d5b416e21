import type { DtmRequest } from './dtm.client.js';

/** How much of an answer goes into a message. */
const MAX_LENGTH = 500;
/** By so many characters the beginning of a payload is known, which may be cut further on. */
const BEGINNING = 12;

/**
 * What an answer of DTM says, for errors and logs. DTM itself, the database behind it, or a proxy in front of it may repeat what they were sent:
 * all of the answer from the first payload on is left out, and so are the values of headers.
 */
export function shownAnswer(
  text: string,
  headers: Readonly<Record<string, string>>,
  request?: object,
): string {
  let shown = text;
  for (const payload of (request as Partial<DtmRequest> | undefined)?.payloads ?? []) {
    // As it is, and as a text in JSON.
    for (const written of [payload, JSON.stringify(payload).slice(1, -1)]) {
      const at = shown.indexOf(written.slice(0, BEGINNING));
      if (at >= 0) shown = `${shown.slice(0, at)}...`;
    }
  }
  const values = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/)]);
  for (const value of values.filter(({ length }) => length >= 4)) shown = shown.replaceAll(value, '***');
  return shown.slice(0, MAX_LENGTH);
}
