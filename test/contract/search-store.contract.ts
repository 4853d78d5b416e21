import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JOB_STATUSES, type JobStatus } from '../../lib/core/jobs/job-info.js';
import type { JobConditions, JobStore, NewJob } from '../../lib/store/job-store.js';
import { meets } from '../../lib/store/job-conditions.js';
import type { SearchStore } from '../../lib/store/search/search-store.js';
import { conditionsOf, JobSearch } from '../../lib/tm/self/steering/job-search.js';
import { claimAll, newJob, success } from './support.js';

/** How many jobs a search looks at: few, so that few jobs need many of them. */
export const SEARCHED = 10;
const NEAR = 4;

/** Fresh, empty stores; searches look at `SEARCHED` jobs. */
export interface SearchHarness {
  readonly store: JobStore;
  readonly searches: SearchStore;
  close(): Promise<void>;
}

interface Kind {
  readonly status: JobStatus;
  readonly name: string;
  readonly step: string;
  readonly attempts: number;
  readonly error: string | null;
}

const FILTERS: readonly JobConditions[] = [
  {},
  ...JOB_STATUSES.map((status) => ({ status: [status] })),
  { status: ['prepared', 'submitted'] },
  { status: ['submitted', 'failed'] },
  { status: ['failed', 'canceled'] },
  { status: [] },
  { status: [...JOB_STATUSES] },
  { failing: true },
  { failing: true, status: ['failed'] },
  { failing: true, status: ['succeeded'] },
  { name: 'rare' },
  { name: 'nobody' },
  { name: 'rare', status: ['failed'] },
  { name: 'rare', status: ['submitted', 'failed'] },
  { step: 'second' },
  { step: 'second', failing: true },
  { error: 'rare' },
  { error: 'off', status: ['failed'] },
  { args: '"n":7' },
  { createdAfter: new Date(0) },
  { createdBefore: new Date(0) },
];

/** What every `SearchStore` must do, and what the search makes of it; a spec per implementation calls it. */
export function describeSearchStore(title: string, open: () => Promise<SearchHarness>): void {
  describe(`SearchStore contract: ${title}`, () => {
    let harness: SearchHarness;
    let store: JobStore;
    let searches: SearchStore;

    beforeEach(async () => {
      harness = await open();
      ({ store, searches } = harness);
    });
    afterEach(() => harness.close());

    /** Jobs in the order of their gids. */
    async function insert(kinds: readonly Kind[]): Promise<string[]> {
      const jobs = kinds.map(({ name, step, status }, index): NewJob => {
        const gid = `job-${String(index).padStart(3, '0')}`;
        const steps = JSON.stringify([{ step, args: { n: index % 20 } }]);
        const prepared = status === 'prepared' || status === 'rolledBack';
        return newJob({ gid, name, steps, stepName: step, status: prepared ? 'prepared' : 'submitted' });
      });
      await store.insert(jobs);
      await claimAll(store, 'me');
      const ends = kinds.flatMap(({ status, step, attempts, error }, index) =>
        status === 'prepared' || status === 'rolledBack' || status === 'canceled'
          ? []
          : success(jobs[index]!.gid, 'me', {
              ...{ status, attempts, error, stepIndex: 0, stepName: step, release: true },
              due: status === 'submitted' ? 1000 * index : null,
            }),
      );
      await store.change(ends);
      for (const [index, { status }] of kinds.entries()) {
        const { gid } = jobs[index]!;
        if (status === 'canceled') await store.cancel(gid);
        if (status === 'rolledBack')
          await store.changePrepared([{ gid, owner: 'me', status, due: null, release: true }]);
      }
      return jobs.map(({ gid }) => gid);
    }
    const kind = (values: Partial<Kind> = {}): Kind => ({
      ...{ status: 'succeeded', name: 'often', step: 'first', attempts: 0, error: null },
      ...values,
    });
    const failed = (values: Partial<Kind> = {}) =>
      kind({ status: 'failed', attempts: 3, error: 'off', ...values });
    const submitted = (values: Partial<Kind> = {}) => kind({ status: 'submitted', ...values });

    it('finds jobs in the order of gids, and tells where it has stopped', async () => {
      const gids = await insert(Array.from({ length: 25 }, (_, at) => (at % 5 === 0 ? failed() : kind())));
      const look = async (conditions: JobConditions, limit = 100) =>
        (await searches.look(['all'], conditions, limit))[0];
      expect(await look({})).toEqual({ gids: gids.slice(15).reverse(), end: gids[15] });
      expect(await look({}, 2)).toEqual({ gids: [gids[24], gids[23]], end: gids[15] });
      expect(await look({ status: ['failed'] })).toEqual({ gids: [gids[20], gids[15]], end: gids[15] });
      expect(await look({ name: 'nobody' })).toEqual({ gids: [], end: gids[15] });
      expect(await look({ before: gids[15]! })).toEqual({ gids: gids.slice(5, 15).reverse(), end: gids[5] });
      expect(await look({ before: gids[5]! })).toEqual({ gids: gids.slice(0, 5).reverse(), end: null });
      expect(await look({ before: gids[0]! })).toEqual({ gids: [], end: null });
      expect(await searches.tally(['all'], { status: ['failed'] })).toEqual([{ count: 2, complete: false }]);
      expect(await searches.tally(['all'], { before: gids[5]!, status: ['failed'] })).toEqual([
        { count: 1, complete: true },
      ]);
      expect(await searches.tally(['all'], { before: gids[0]! })).toEqual([{ count: 0, complete: true }]);
    });

    it('looks at failed jobs alone, and at those that have not ended alone', async () => {
      const kinds = Array.from({ length: 40 }, (_, at) =>
        at % 3 === 0 ? failed({ step: at === 0 ? 'second' : 'first' }) : at % 8 === 1 ? submitted() : kind(),
      );
      const gids = await insert(kinds);
      const of = (status: JobStatus) => gids.filter((_, at) => kinds[at]!.status === status).reverse();
      expect(of('failed')).toHaveLength(14);
      expect(of('submitted')).toHaveLength(3);
      const both = await searches.look(['open', 'failed'], { status: ['submitted', 'failed'] }, 100);
      expect(both).toEqual([
        { gids: of('submitted'), end: null },
        { gids: of('failed').slice(0, SEARCHED), end: of('failed')[SEARCHED - 1] },
      ]);
      expect(await searches.look(['failed'], { status: ['failed'], step: 'second' }, 100)).toEqual([
        { gids: [], end: of('failed')[SEARCHED - 1] },
      ]);
      expect(await searches.look(['open'], { status: ['prepared'] }, 100)).toEqual([{ gids: [], end: null }]);
      const before = of('submitted')[0]!;
      expect(await searches.look(['open'], { status: ['submitted'], before }, 1)).toEqual([
        { gids: [of('submitted')[1]], end: null },
      ]);
      expect(await searches.tally(['open', 'failed'], { status: ['submitted', 'failed'] })).toEqual([
        { count: 3, complete: true },
        { count: SEARCHED, complete: false },
      ]);
      expect(await searches.count('failed', 100)).toBe(14);
      expect(await searches.count('failed', 4)).toBe(4);
      expect(await searches.count('all', 100)).toBe(40);
    });

    it('says that it has not looked at all jobs that have not ended', async () => {
      const gids = await insert(Array.from({ length: 11 }, () => submitted()));
      const [open] = await searches.look(['open'], { status: ['submitted'] }, 100);
      expect(open!.end).not.toBeNull();
      expect(open!.gids).toHaveLength(SEARCHED);
      expect(await searches.tally(['open'], { status: ['submitted'] })).toEqual([
        { count: SEARCHED, complete: false },
      ]);
      expect(gids).toEqual(expect.arrayContaining([...open!.gids]));
    });

    for (const [mix, shareOfOpen] of [
      ['few', 0.06],
      ['many', 0.5],
      ['only', 1],
    ] as const) {
      it(`finds the same jobs page by page as one look at the table does, with ${mix} open jobs`, async () => {
        await insert(Array.from({ length: 60 }, (_, at) => mixed(at, shareOfOpen)));
        const all = (await store.list({ limit: 1000 })).jobs;
        const search = new JobSearch(store, searches, NEAR);
        for (const filter of FILTERS) {
          const expected = all.filter((job) => meets(job, conditionsOf(filter))).map(({ gid }) => gid);
          for (const limit of [3, 30]) {
            const shown = `${JSON.stringify(filter)} by ${limit}`;
            expect(await iterate(search, filter, limit), shown).toEqual(expected);
            const bulk = await search.gids({ ...NO_CONDITIONS, ...filter }, limit);
            expect(bulk.gids.toReversed(), shown).toEqual(expected.slice(0, limit));
            expect(bulk.more, shown).toBe(expected.length > limit);
            const { count, more } = await search.count(filter, limit);
            expect(count, shown).toBeLessThanOrEqual(Math.min(limit, expected.length));
            if (!more) expect(count, shown).toBe(expected.length);
            if (count === limit) expect(more || expected.length === limit, shown).toBe(true);
          }
        }
      });
    }

    it('bounds the pages of a search in bytes', async () => {
      await insert(Array.from({ length: 60 }, (_, at) => kind({ name: at % 4 === 0 ? 'rare' : 'often' })));
      const search = new JobSearch(store, searches, NEAR);
      expect(await iterate(search, { name: 'rare' }, 30, 1)).toHaveLength(15);
    });

    async function iterate(
      search: JobSearch,
      filter: JobConditions,
      limit: number,
      maxBytes = 10_000,
    ): Promise<string[]> {
      const found: string[] = [];
      let before: string | undefined;
      do {
        const place = before === undefined ? {} : { before };
        const { jobs, next } = await search.page({ ...filter, ...place, limit, maxBytes });
        expect(jobs.length).toBeLessThanOrEqual(limit);
        if (before !== undefined && next !== undefined) expect(next < before).toBe(true);
        found.push(...jobs.map(({ gid }) => gid));
        before = next;
      } while (before !== undefined);
      return found;
    }

    /** The same in every run, and no pattern to be seen. */
    function mixed(at: number, shareOfOpen: number): Kind {
      const random = (Math.imul(at + 1, 2_654_435_761) >>> 0) / 2 ** 32;
      const [name, step] = [at % 13 === 5 ? 'rare' : 'often', at % 7 === 3 ? 'second' : 'first'];
      if (random < shareOfOpen) {
        const attempts = at % 2;
        const status = at % 5 === 0 ? 'prepared' : 'submitted';
        const error = status === 'submitted' && attempts > 0 ? 'rare' : null;
        return kind({ status, name, step, attempts, error });
      }
      if (at % 4 === 0) return failed({ name, step, error: at % 11 === 0 ? 'rare' : 'off' });
      if (at === 57) return kind({ status: 'canceled', name, step });
      return kind({ status: at % 17 === 0 ? 'rolledBack' : 'succeeded', name, step });
    }
  });
}

const NO_CONDITIONS = {
  status: undefined,
  step: undefined,
  name: undefined,
  createdAfter: undefined,
  createdBefore: undefined,
  failing: undefined,
  error: undefined,
  args: undefined,
};
