import { decodedReadings } from './decoded-readings.js';
import type { DtmRequest } from './dtm.client.js';
import { parseJson } from './json.js';

/** How much of an answer goes into a message. */
const MAX_LENGTH = 500;
/** How much of it is looked at. */
const MAX_READ = 2000;
/** Stands for an answer that may repeat what was sent. */
export const LEFT_OUT = "(what it says is left out, since it may repeat what was sent; see the server's log)";

/** Shorter texts are found in any other. */
const MIN_LETTERS = 4;
/** So many letters of a text in sequence are enough to know it by: answers are cut. */
const WINDOW = 8;
/** Each window of a text would be too many for large arguments. */
const STEP = 4;
/** No word is that long. It may be anything, in an encoding that is not known here. */
const ENCODED = /[\w+/=-]{40,}/;
/** Characters that break lines, or that a terminal obeys. */
const CONTROLS = /[\s\p{Cc}\p{Cf}]+/gu;

/**
 * What DTM says, for errors and logs. It, the database behind it, or a proxy in front of it may repeat what they were
 * sent: arguments, signatures and the values of headers. Nothing is cut out of an answer that does, since there are many ways to
 * write a text; it is left out as a whole.
 */
export function shownAnswer(
  text: string,
  headers: Readonly<Record<string, string>>,
  request: Partial<DtmRequest> = {},
): string {
  const read = text.slice(0, MAX_READ);
  const isSafe = !ENCODED.test(read) && !repeats(read, secretTexts(headers, request));
  return isSafe ? read.slice(0, MAX_LENGTH).replace(CONTROLS, ' ') : LEFT_OUT;
}

/** Only letters and digits are compared: quotes, escapes and spaces are what differs between two ways to write a text. */
function repeats(answer: string, texts: Iterable<string>): boolean {
  const readings = decodedReadings(answer).map(lettersOf);
  const windows = new Set(readings.flatMap(windowsOf));
  for (const text of texts) {
    const letters = lettersOf(text);
    if (letters.length < MIN_LETTERS) continue;
    if (readings.some((reading) => reading.includes(letters))) return true;
    for (let at = 0; at + WINDOW <= letters.length; at += STEP) {
      if (windows.has(letters.slice(at, at + WINDOW))) return true;
    }
  }
  return false;
}

function lettersOf(text: string): string {
  return text.replace(/[^\p{L}\p{N}]+/gu, '').toLowerCase();
}

function windowsOf(letters: string): string[] {
  return Array.from({ length: Math.max(0, letters.length - WINDOW + 1) }, (_, at) =>
    letters.slice(at, at + WINDOW),
  );
}

/** What nobody may read in an answer. */
function* secretTexts(
  headers: Readonly<Record<string, string>>,
  { payloads = [], steps = [], query_prepared: query = '', branch_headers: kept = {} }: Partial<DtmRequest>,
): Generator<string> {
  for (const value of Object.values(headers)) {
    yield value;
    // Its first word tells the kind, such as `Bearer`.
    yield* value.split(/\s+/).slice(1);
  }
  yield* Object.values(kept);
  for (const address of [query, ...steps.map(({ action }) => action)]) {
    yield* new URLSearchParams(address.split('?')[1]).values();
  }
  for (const payload of payloads) yield* secretsOf(payload);
}

/** The arguments and the signature. The rest of a payload are words that DTM uses as well, such as `database`. */
function* secretsOf(payload: string): Generator<string> {
  const content = parseJson(payload);
  const { step, time, signature, args } = (content ?? {}) as Record<string, unknown>;
  if (typeof step === 'string' && typeof time === 'number') {
    // The arguments come last.
    if (args !== undefined) yield payload.slice(payload.indexOf('"args":') + '"args":'.length);
    yield* leavesOf([signature, args]);
  } else {
    yield payload;
    yield* leavesOf(content);
  }
}

/** The texts and numbers in a value, however deep. */
function* leavesOf(value: unknown): Generator<string> {
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' || typeof next === 'number') yield String(next);
    else if (typeof next === 'object' && next !== null)
      for (const member of Object.values(next)) left.push(member);
  }
}
