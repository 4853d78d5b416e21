import { clock, day } from '../format.js';

/** The marks of an axis from 0 to at least `max`, at round numbers, about `count` of them. */
export function roundTicks(max: number, count: number): readonly number[] {
  const rough = Math.max(1, max / count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const marks = Math.max(1, Math.ceil(max / step));
  return Array.from({ length: marks + 1 }, (_, index) => index * step);
}

/** A mark of the axis of time. */
export interface TimeTick {
  /** The index of the bucket that it stands before. */
  readonly index: number;
  readonly text: string;
}

/** Steps between two marks, in minutes. */
const STEPS = [5, 10, 20, 30, 60, 180, 360, 720, 1440, 2880];
const DAY_MINUTES = 1440;

/** Marks at round times of whoever looks, at most `most` of them. */
export function timeTicks(times: readonly Date[], most: number): readonly TimeTick[] {
  const minutes = times.map((at) => at.getTime() / 60_000 - at.getTimezoneOffset());
  const span = (minutes.at(-1) ?? 0) - (minutes[0] ?? 0);
  const step = STEPS.find((candidate) => span / candidate <= most) ?? STEPS.at(-1)!;
  const name = step >= DAY_MINUTES ? day : clock;
  return times.flatMap((at, index) => {
    if (index === 0) return [];
    const isMark = Math.floor(minutes[index]! / step) !== Math.floor(minutes[index - 1]! / step);
    return isMark ? [{ index, text: name(at) }] : [];
  });
}
