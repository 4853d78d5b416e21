import type { Range } from '../../api.js';
import { href, type Route } from '../route.js';

/** What a span of time is called, and how long it is. */
export const RANGES: Readonly<
  Record<Range, { readonly short: string; readonly text: string; readonly minutes: number }>
> = {
  '1h': { short: '1 h', text: 'Last hour', minutes: 60 },
  '24h': { short: '24 h', text: 'Last 24 hours', minutes: 24 * 60 },
  '7d': { short: '7 d', text: 'Last 7 days', minutes: 7 * 24 * 60 },
};

/** The span that the address names, or an hour. */
export function rangeOf({ parameters }: Route): Range {
  const { range } = parameters;
  return range !== undefined && Object.hasOwn(RANGES, range) ? (range as Range) : '1h';
}

/** Chooses the span; other parameters of the page stay. */
export function RangeTabs({ route }: { readonly route: Route }) {
  const open = rangeOf(route);
  return (
    <nav class="segments" aria-label="Span of time">
      {Object.entries(RANGES).map(([range, { short, text }]) => (
        <a
          key={range}
          href={href(route.page, { ...route.parameters, range: range === '1h' ? undefined : range })}
          aria-current={range === open ? 'true' : undefined}
          title={text}
        >
          {short}
        </a>
      ))}
    </nav>
  );
}
