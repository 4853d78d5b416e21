import { href } from '../route.js';
import type { Parameters } from '../server.js';

/** The way to older entries, and back to the newest. */
export function Pages({
  page,
  query,
  cursor,
  next,
  empty = false,
}: {
  readonly page: string;
  readonly query: Parameters;
  /** Of what is shown; undefined for the newest. */
  readonly cursor: string | undefined;
  /** Of what is older. */
  readonly next: string | undefined;
  /** Nothing was found so far. */
  readonly empty?: boolean;
}) {
  if (!cursor && !next) return null;
  return (
    <nav class="pages" aria-label="Older and newer">
      {cursor && (
        <a class="button" href={href(page, query)}>
          Newest
        </a>
      )}
      {next && (
        <a class={`button${empty ? ' primary' : ''}`} href={href(page, { ...query, cursor: next })}>
          {empty ? 'Search further back' : 'Older'}
        </a>
      )}
    </nav>
  );
}
