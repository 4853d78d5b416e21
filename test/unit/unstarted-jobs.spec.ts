import { expect, it } from 'vitest';
import { UnstartedJobs } from '../../lib/core/jobs/unstarted-jobs.js';

it('of the jobs of one second, no more than a hundred are watched for a forgotten start()', () => {
  const unstarted = new UnstartedJobs();
  const watched = (at: number, jobs: number): number =>
    Array.from({ length: jobs }, () => unstarted.admit(at)).filter(Boolean).length;

  expect(watched(5_000, 60)).toBe(60);
  expect(watched(5_999, 60)).toBe(40);
  expect(watched(6_000, 300)).toBe(100);
  expect(watched(60_000, 1)).toBe(1);
});
