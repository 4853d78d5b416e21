import { expect, it } from 'vitest';
import { MemoryJobStore } from '../../lib/store/memory.job-store.js';
import { describeJobStore } from './job-store.contract.js';
import { newJob } from './support.js';

describeJobStore('memory', async () => {
  const store = new MemoryJobStore();
  return { store, another: async () => store, close: async () => undefined };
});

it('hands out copies, which nobody can change a stored job through', async () => {
  const store = new MemoryJobStore();
  const job = newJob();
  await store.insert([job]);
  Object.assign((await store.find(job.gid))!, { status: 'failed' });
  expect((await store.find(job.gid))!.status).toBe('submitted');
});
