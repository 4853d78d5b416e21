import { useEffect, useState } from 'preact/hooks';
import { absolute, relative } from '../format.js';

/** One clock for the whole page, so that times that are equal change together. */
const listeners = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time now, again every second while the page is seen. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    listeners.add(setNow);
    timer ??= setInterval(() => {
      if (document.hidden) return;
      const time = Date.now();
      for (const listener of listeners) listener(time);
    }, 1000);
    return () => {
      listeners.delete(setNow);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}

/** A time as seen from now; when exactly is told on hover, and to a screen reader by the element. */
export function Time({ at }: { readonly at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={absolute(at)} class="nowrap">
      {relative(at, now)}
    </time>
  );
}
