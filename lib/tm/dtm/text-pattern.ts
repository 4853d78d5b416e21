/** A stretch that stands in a text again, this near, is a repetition. Of longer ones somebody may have made a secret. */
const MAX_PERIOD = 15;
/** From this length on, chance makes half of the characters neighbours: of one in 90,000 random UUIDs. */
const LONG = 24;

/** The keys of a keyboard, as far as they are where they are on most. */
const KEYS = ['1234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm'];
const PLACES = new Map(
  KEYS.flatMap((keys, row) => Array.from(keys, (key, column) => [key, { row, column }])),
);

type Step = (from: string, to: string) => boolean;

const stays: Step = (from, to) => distance(from, to) === 0;
const isNear: Step = (from, to) => Math.abs(distance(from, to)) <= 1;
const rises: Step = (from, to) => distance(from, to) === 0 || distance(from, to) === 1;
const falls: Step = (from, to) => rises(to, from);
const isNextKey: Step = (from, to) => {
  const [one, other] = [PLACES.get(from), PLACES.get(to)];
  return (
    one !== undefined &&
    other !== undefined &&
    Math.abs(one.row - other.row) <= 1 &&
    Math.abs(one.column - other.column) <= 1
  );
};

/** Whether most of a text in lower case repeats itself, counts up or down, also in turns (`a1b2c3`), or walks over a keyboard. */
export function isPattern(text: string): boolean {
  const most = text.length * (text.length < LONG ? 1 / 2 : 2 / 3);
  return (
    repeats(text) ||
    steps(text, 1, isNear) > most ||
    steps(text, 2, rises) > most ||
    steps(text, 2, falls) > most ||
    walks(text)
  );
}

/** Whatever stands before the repetition, between its parts, or behind it. */
function repeats(text: string): boolean {
  for (let period = 1; period <= Math.min(MAX_PERIOD, text.length - 1); period++) {
    let again = 0;
    for (let at = period; at < text.length; at++) {
      again = stays(text[at - period]!, text[at]!) ? again + 1 : 0;
      if (again >= (text.length * 3) / 8) return true;
    }
  }
  return false;
}

/** Over keys side by side, or one above the other. To stay on one is no step. */
function walks(text: string): boolean {
  const keys = text.replace(/(.)\1+/gsu, '$1');
  return steps(keys, 1, isNextKey) >= (keys.length * 3) / 4;
}

/** How many characters are such a step away from the one so many places before them. */
function steps(text: string, places: number, is: Step): number {
  let count = 0;
  for (let at = places; at < text.length; at++) if (is(text[at - places]!, text[at]!)) count += 1;
  return count;
}

function distance(from: string, to: string): number {
  return to.charCodeAt(0) - from.charCodeAt(0);
}
