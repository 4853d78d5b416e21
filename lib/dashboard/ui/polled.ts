import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { getTagged, queryOf, RequestError, type Parameters } from './server.js';

/** What is known of something that is asked for again and again. */
export interface Polled<T> {
  /** The last answer; undefined before the first, and where the question has changed. */
  readonly data: T | undefined;
  /** Why the last request failed; what was known stays. */
  readonly error: RequestError | undefined;
  /** Asks now, and once more soon: what is on its way, or kept by the server, may be from before. */
  refresh(): void;
}

/** After failures, a page asks less often. */
const SLOWEST_MS = 60_000;
/** The server keeps nothing for longer. */
const FRESH_MS = 2_500;

/**
 * Asks a path again and again while somebody looks: not while the page is hidden, and at once when it is seen again.
 *
 * @param path null: asks nothing.
 * @param every in milliseconds; 0: once.
 * @param version asks again when it changes; what was known stays until then.
 */
export function usePolled<T>(
  path: string | null,
  parameters: Parameters,
  every: number,
  version?: string,
): Polled<T> {
  const question = path === null ? null : path + queryOf(parameters);
  const [state, setState] = useState<{
    question: string | null;
    data: T | undefined;
    error: RequestError | undefined;
  }>({ question, data: undefined, error: undefined });
  const ask = useRef<() => void>(() => undefined);

  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let tag: string | null = null;
    let failures = 0;
    let asking = false;
    let soon = false;

    /** What was known stays, where it answers the same question. */
    const know = (data: T | undefined, error?: RequestError) =>
      setState((before) => ({
        question,
        data: data ?? (before.question === question ? before.data : undefined),
        error,
      }));
    const run = async () => {
      clearTimeout(timer);
      if (asking || document.hidden) return;
      asking = true;
      try {
        const answer = await getTagged<T>(path, parameters, tag, stop.signal);
        tag = answer.tag;
        failures = 0;
        know(answer.data);
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        know(
          undefined,
          error instanceof RequestError ? error : new RequestError(0, 'The answer cannot be read.'),
        );
      } finally {
        asking = false;
      }
      const usual = Math.min(every * 2 ** failures, Math.max(every, SLOWEST_MS));
      const pause = soon ? FRESH_MS : usual;
      soon = false;
      if (pause > 0 && !stop.signal.aborted) timer = setTimeout(() => void run(), pause);
    };
    const onVisible = () => void run();
    ask.current = () => {
      tag = null;
      soon = true;
      void run();
    };
    void run();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [question, every, version]);

  const refresh = useCallback(() => ask.current(), []);
  const current = state.question === question;
  return { data: current ? state.data : undefined, error: current ? state.error : undefined, refresh };
}
