import type { JobInfo, JobPage } from '../../../core/jobs/job-info.js';
import type { AuditEntry, AuditPage } from '../../../core/jobs/job-operations.js';

/** One page of each store, of the same query. */
export interface StorePage<Page> {
  readonly dataSource: string;
  readonly page: Page;
}

/**
 * The pages of all stores as one, the greatest gid first. Every store has looked at what is not below its cursor, so jobs below the cursor
 * of another store are left to the next page. Jobs of one gid stay together, since a cursor is a gid.
 */
export function mergedJobs(pages: readonly StorePage<JobPage>[], limit: number): JobPage {
  const cursors = pages.flatMap(({ page }) => page.cursor ?? []);
  const floor = cursors.reduce<string | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
  const jobs = pages
    .flatMap(({ dataSource, page }) => page.jobs.map((job): JobInfo => ({ ...job, dataSource })))
    .filter(({ gid }) => floor === undefined || gid >= floor)
    .sort((a, b) => (a.gid === b.gid ? 0 : a.gid < b.gid ? 1 : -1));
  let end = Math.min(limit, jobs.length);
  while (end > 0 && end < jobs.length && jobs[end]!.gid === jobs[end - 1]!.gid) end += 1;
  const cursor = end < jobs.length ? jobs[end - 1]!.gid : floor;
  return { jobs: jobs.slice(0, end), ...(cursor !== undefined && { cursor }) };
}

/** Where the audit of a store goes on: behind the entry of this id. `start` and `end` are no ids. */
export type AuditPlace = string;

const START = '*';
const END = '-';
const PLACE = /^(?:[1-9]\d{0,14}|[*-])$/;

/** The places in the audits of so many stores; undefined for what is no cursor of theirs. */
export function auditPlaces(cursor: unknown, stores: number): AuditPlace[] | undefined {
  if (cursor === undefined) return Array.from({ length: stores }, () => START);
  const places = typeof cursor === 'string' ? cursor.split('.') : [];
  const isOne = places.length === stores && places.some((place) => place !== END);
  return isOne && places.every((place) => PLACE.test(place)) ? places : undefined;
}

/** What a store is to be asked for; undefined when it has told all. */
export function auditCursor(place: AuditPlace): { readonly cursor?: string } | undefined {
  if (place === END) return undefined;
  return place === START ? {} : { cursor: place };
}

/**
 * The entries of all stores in the order of their times, each store's in its own.
 * A store that could not be asked is asked again with the next page, from its place on.
 *
 * @param places of all stores.
 * @param pages by the index of the store.
 */
export function mergedAudit(
  places: readonly AuditPlace[],
  pages: ReadonlyMap<number, AuditPage>,
  limit: number,
): AuditPage {
  const waiting = [...pages].map(([store, page]) => ({ store, page, taken: 0 }));
  const entries: AuditEntry[] = [];
  while (entries.length < limit) {
    // What is left of it may be newer than what the others have next.
    if (waiting.some(({ page, taken }) => taken === page.entries.length && page.cursor !== undefined)) break;
    const heads = waiting.filter(({ page, taken }) => taken < page.entries.length);
    if (heads.length === 0) break;
    const timeOf = ({ page, taken }: (typeof waiting)[number]) => page.entries[taken]!.at.getTime();
    const next = heads.reduce((a, b) => (timeOf(b) > timeOf(a) ? b : a));
    entries.push(next.page.entries[next.taken]!);
    next.taken += 1;
  }
  const after = places.map((place, store) => {
    const part = waiting.find((candidate) => candidate.store === store);
    if (!part) return place;
    const { page, taken } = part;
    if (taken === page.entries.length && page.cursor === undefined) return END;
    return page.entries[taken - 1]?.id ?? place;
  });
  return after.every((place) => place === END) ? { entries } : { entries, cursor: after.join('.') };
}
