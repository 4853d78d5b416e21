import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { describeBackends, type Backend } from '../support/database.js';
import { Databases } from '../support/placements.js';
import { Console } from './console.js';

// Somebody who may only look asks for as much as they can.

const LARGE = 'a: '.repeat(60_000);
const JOBS = 12;

/** How many calls of it are under way at the same time, at most. Calls wait at its gate, if it has one. */
class Crowd {
  most = 0;
  inside = 0;

  constructor(private readonly gate?: Promise<void>) {}

  async of<T>(work: () => Promise<T>): Promise<T> {
    this.most = Math.max(this.most, (this.inside += 1));
    try {
      await this.gate;
      return await work();
    } finally {
      this.inside -= 1;
    }
  }
}

describeBackends(
  'somebody who asks for a lot',
  (backend: Backend) => {
    let databases: Databases;
    let page: Console;
    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      page = await Console.start(databases);
      for (let job = 0; job < JOBS; job += 1)
        await page.reached(await page.start('charge', { LARGE, job }), 'succeeded');
    });
    afterEach(() => void vi.restoreAllMocks());
    afterAll(async () => {
      await page?.close();
      await databases?.drop();
    });

    it('at once takes few connections', async () => {
      const { jobs, operations } = page;
      let open!: () => void;
      const gate = new Promise<void>((resolve) => (open = resolve));
      onTestFinished(() => open());
      const [reads, timelines] = [new Crowd(gate), new Crowd(gate)];
      const [count, audit, timeline] = [jobs.count, jobs.audit, operations.timeline];
      vi.spyOn(jobs, 'count').mockImplementation((filter) => reads.of(() => count.call(jobs, filter)));
      vi.spyOn(jobs, 'audit').mockImplementation((filter) => reads.of(() => audit.call(jobs, filter)));
      vi.spyOn(operations, 'timeline').mockImplementation((filter) =>
        timelines.of(() => timeline.call(operations, filter)),
      );
      const asked = Promise.all(
        Array.from({ length: 20 }, (_, n) => [
          page.ask('count', { name: `n-${n}` }, 'read'),
          page.ask('audit', { by: `n-${n}` }, 'read'),
          page.ask('timeline', { step: `n-${n}` }, 'read'),
        ]).flat(),
      );
      await vi.waitFor(() => expect([reads.inside, timelines.inside]).toEqual([2, 1]), { timeout: 20_000 });
      open();
      const answers = await asked;
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(reads.most).toBe(2);
      expect(timelines.most).toBe(1);
    });

    it('and for more than can wait is told so, at once', async () => {
      let open!: () => void;
      const gate = new Promise<void>((resolve) => (open = resolve));
      onTestFinished(() => open());
      const { count } = page.jobs;
      vi.spyOn(page.jobs, 'count').mockImplementation(async (filter) => {
        await gate;
        return count.call(page.jobs, filter);
      });
      const asked = Array.from({ length: 210 }, (_, n) => page.ask('count', { name: `n-${n}` }, 'read'));
      const first = await Promise.race(asked);
      open();
      expect([first.status, first.json.code]).toEqual([503, 'BUSY']);
      const statuses = (await Promise.all(asked)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(202);
    });

    it('and looks for texts in large arguments does not hold up the process', async () => {
      const { jobs } = page;
      const { list } = jobs;
      const crowd = new Crowd();
      const read: { limit: number | undefined; turns: number }[] = [];
      let turns = 0;
      const other = setInterval(() => (turns += 1), 1);
      vi.spyOn(jobs, 'list').mockImplementation((filter) => {
        read.push({ limit: filter?.limit, turns });
        return crowd.of(() => list.call(jobs, filter)).finally(() => (turns = 0));
      });
      try {
        expect((await page.ask('jobs', { args: 'nowhere' }, 'read')).json.jobs).toEqual([]);
        expect(read.length).toBeGreaterThan(1);
        expect(read[0]!.limit).toBe(10);
        // While ten jobs were looked at.
        expect(read[1]!.turns).toBeGreaterThanOrEqual(5);
        const many = Array.from({ length: 5 }, () => page.ask('count', { args: 'nowhere' }, 'read'));
        for (const { json } of await Promise.all(many)) expect(json.count).toBe(0);
        expect(crowd.most).toBe(1);
      } finally {
        clearInterval(other);
      }
    });
  },
  ['sqlite'],
);
