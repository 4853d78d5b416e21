/** A line of the log names so many jobs. */
const LOGGED_GIDS = 5;

/** `a, b and 3 more`: an outage may concern thousands of jobs. */
export function someGids(jobs: readonly { readonly gid: string }[]): string {
  const some = jobs.slice(0, LOGGED_GIDS).map(({ gid }) => gid);
  const more = jobs.length > some.length ? ` and ${jobs.length - some.length} more` : '';
  return some.join(', ') + more;
}
