/** Numbers and times as people read them, all in one place so that they look alike everywhere. */

const INTEGER = new Intl.NumberFormat('en');
const FULL = new Intl.DateTimeFormat('en', {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
});
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' });

export function integer(value: number): string {
  return INTEGER.format(value);
}

/** `950`, `1.2K`, `12M`: for axes. */
export function compact(value: number): string {
  return COMPACT.format(value);
}

/** `0.4`, `12`, `1,204`: two digits that matter below ten. */
export function rate(value: number): string {
  if (value > 0 && value < 0.05) return '<0.1';
  return value < 9.95 ? trimmed(value) : integer(Math.round(value));
}

/** `10,000+` where there are more than were counted. */
export function bounded({ count, more }: { readonly count: number; readonly more: boolean }): string {
  return more ? `${integer(count)}+` : integer(count);
}

/** `1 job`, `2 jobs`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${integer(value)} ${value === 1 ? one : many}`;
}

/** `3 ms`, `1.2 s`, `4 min`, `2 h`, `3 d`: two digits that matter. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 0.95) return '<1 ms';
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  for (const [unit, size, next] of UNITS) {
    const value = ms / size;
    if (value < next) return `${value < 9.95 ? trimmed(value) : Math.round(value)} ${unit}`;
  }
  return `${integer(Math.round(ms / 86_400_000))} d`;
}

const UNITS = [
  ['s', 1000, 59.5],
  ['min', 60_000, 59.5],
  ['h', 3_600_000, 47.5],
] as const;

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

/** `3 s ago`, `in 4 min`, `now`. */
export function relative(at: string, now: number): string {
  const difference = Date.parse(at) - now;
  if (Math.abs(difference) < 1000) return 'now';
  return difference < 0 ? `${whole(-difference)} ago` : `in ${whole(difference)}`;
}

/** Tenths that change every second would only be restless. */
function whole(ms: number): string {
  const unit = ms < 59_500 ? 1000 : 60_000;
  return duration(ms < 3_570_000 ? Math.round(ms / unit) * unit : ms);
}

/** In the zone of whoever looks. */
export function absolute(at: string): string {
  return FULL.format(new Date(at));
}

/** `13:05`, in the zone of whoever looks. */
export function clock(at: Date): string {
  return CLOCK.format(at);
}

/** `Sun 29`, in the zone of whoever looks. */
export function day(at: Date): string {
  return DAY.format(at);
}

/** `12 %`; a share that is not zero never reads so. */
export function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1 %';
  return `${Math.round(share * 100)} %`;
}
