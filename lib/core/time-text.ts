const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time for a person, in its two largest units: `350 ms`, `12 s`, `3 min 20 s`, `2 d 4 h`. */
export function spanText(milliseconds: number): string {
  const span = Math.max(0, Math.round(milliseconds));
  if (span < SECOND) return `${span} ms`;
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return pair(span, MINUTE, 'min', SECOND, 's');
  if (span < DAY) return pair(span, HOUR, 'h', MINUTE, 'min');
  return pair(span, DAY, 'd', HOUR, 'h');
}

/** A length of time in its largest unit: `12 s`, `3 min`. */
export function roughSpanText(milliseconds: number): string {
  return /^\d+ \S+/.exec(spanText(milliseconds))![0];
}

/** A time to the second: `2026-03-01 09:30:00Z`. */
export function timeText(time: Date): string {
  return time
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
}

/** A time, and how far it is from `now`: `2026-03-01 09:30:00Z (in 12 s)`. */
export function timeFrom(now: Date, time: Date): string {
  const ahead = time.getTime() - now.getTime();
  return `${timeText(time)} (${ahead >= 0 ? `in ${spanText(ahead)}` : `${spanText(-ahead)} ago`})`;
}

function pair(span: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((span % large) / small);
  return `${Math.floor(span / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}
