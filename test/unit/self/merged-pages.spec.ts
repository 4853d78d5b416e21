import { expect, it } from 'vitest';
import type { JobInfo, JobPage } from '../../../lib/core/jobs/job-info.js';
import type { AuditEntry, AuditPage } from '../../../lib/core/jobs/job-operations.js';
import {
  auditCursor,
  auditPlaces,
  mergedAudit,
  mergedJobs,
} from '../../../lib/tm/self/stores/merged-pages.js';

/** A page as a store gives it: it looks at so many jobs, and returns those that pass. */
function pageOf(gids: readonly string[], before: string | undefined, looked: number, passes = /./): JobPage {
  const behind = gids.filter((gid) => before === undefined || gid < before);
  const seen = behind.slice(0, looked);
  const jobs = seen.filter((gid) => passes.test(gid)).map((gid) => ({ gid }) as JobInfo);
  return behind.length > looked ? { jobs, cursor: seen.at(-1)! } : { jobs };
}

const STORES = new Map([
  ['a', ['z9', 'y5', 'x1', 'twin', 'b4', 'a0']],
  ['b', ['twin', 'c3', 'c2', 'c1']],
  ['c', ['y7', 'y6', 'y4', 'y3', 'y2', 'twin', 'a1']],
  ['d', []],
]);
const ALL = [...STORES].flatMap(([name, gids]) => gids.map((gid) => `${gid} ${name}`)).sort();

it.each([
  [1, 1],
  [2, 1],
  [3, 2],
  [3, 100],
  [100, 3],
  [100, 100],
])('pages of %i jobs, of stores that look at %i, lose and repeat none', (limit, looked) => {
  const seen: string[] = [];
  const gids: string[] = [];
  for (let before: string | undefined, first = true; first || before !== undefined; first = false) {
    const pages = [...STORES].map(([dataSource, stored]) => ({
      dataSource,
      page: pageOf(stored, before, Math.min(looked, limit)),
    }));
    const page = mergedJobs(pages, limit);
    // Longer only by jobs of its last gid.
    expect(new Set(page.jobs.slice(limit - 1).map(({ gid }) => gid)).size).toBeLessThanOrEqual(1);
    seen.push(...page.jobs.map(({ gid, dataSource }) => `${gid} ${dataSource}`));
    gids.push(...page.jobs.map(({ gid }) => gid));
    expect(page.cursor === undefined || before === undefined || page.cursor < before).toBe(true);
    before = page.cursor;
  }
  expect(seen.toSorted()).toEqual(ALL);
  expect(gids).toEqual(gids.toSorted().reverse());
});

it('goes on where a store has looked at jobs of which none passed', () => {
  const page = mergedJobs(
    [
      { dataSource: 'a', page: pageOf(['z', 'y', 'x', 'w'], undefined, 2, /x/) },
      { dataSource: 'b', page: pageOf(['v'], undefined, 2) },
    ],
    10,
  );
  expect(page).toEqual({ jobs: [], cursor: 'y' });
});

it('merges audits by time, and goes on in each where it was', () => {
  const entry = (id: number, at: number): AuditEntry =>
    ({ id: String(id), at: new Date(at) }) as unknown as AuditEntry;
  const audits = [[entry(3, 90), entry(2, 50), entry(1, 10)], [entry(2, 95), entry(1, 40)], []];
  const read = (at: number, cursor: string | undefined, limit: number): AuditPage => {
    const behind = audits[at]!.filter(({ id }) => cursor === undefined || Number(id) < Number(cursor));
    const entries = behind.slice(0, limit);
    return behind.length > limit ? { entries, cursor: entries.at(-1)!.id } : { entries };
  };
  for (const limit of [1, 2, 10]) {
    const times: number[] = [];
    let cursor: string | undefined;
    do {
      const places = auditPlaces(cursor, 3)!;
      const asked = places.flatMap((place, at) => {
        const from = auditCursor(place);
        return from ? [[at, read(at, from.cursor, limit)] as const] : [];
      });
      const page = mergedAudit(places, new Map(asked), limit);
      expect(page.entries.length).toBeLessThanOrEqual(limit);
      times.push(...page.entries.map(({ at }) => at.getTime()));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(times).toEqual([95, 90, 50, 40, 10]);
  }
  // A store that is away keeps its place, also when the others have told all.
  expect(mergedAudit(['*', '*'], new Map([[0, read(0, undefined, 1)]]), 1).cursor).toBe('3.*');
  expect(mergedAudit(['-', '2'], new Map(), 1).cursor).toBe('-.2');
  expect(mergedAudit(['1', '2'], new Map([[0, read(0, '1', 1)]]), 1).cursor).toBe('-.2');
});

it('merges audits in order, where a page ends early since its entries are large', () => {
  const entry = (id: number, at: number): AuditEntry =>
    ({ id: String(id), at: new Date(at) }) as unknown as AuditEntry;
  const short: AuditPage = { entries: [entry(9, 90)], cursor: '9' };
  const page = mergedAudit(
    ['*', '*'],
    new Map<number, AuditPage>([
      [0, short],
      [1, { entries: [entry(5, 10)] }],
    ]),
    10,
  );
  expect(page).toEqual({ entries: [entry(9, 90)], cursor: '9.*' });
});

it.each(['', '1', '1.2.3', '-.-', '1.x', '0.1', 7, '*.*.*'])(
  'refuses %o as a cursor of two audits',
  (cursor) => {
    expect(auditPlaces(cursor, 2)).toBeUndefined();
  },
);
