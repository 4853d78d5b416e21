import { DistributedJobFactory } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('cpu-bound-steps');

let running: RecipeApplication;
beforeEach(async () => {
  running = await RecipeApplication.start({ entities: [page.Tour], providers: [page.PlanTour] });
});
afterEach(() => running.close());

async function plan(stops: unknown, overrides = {}): Promise<string> {
  const factory = running.app.get(DistributedJobFactory);
  const job = factory
    .createJob({ transaction: 'none' })
    .addStep('plan-tour', { tour: 't1', stops }, overrides);
  return (await job.start()).gid;
}

it('plans the shortest tour', async () => {
  await plan([
    [6, 8],
    [3, 4],
    [0, 0],
  ]);
  await running.stepping.drain();
  expect(await running.app.get(DataSource).manager.find(page.Tour)).toEqual([{ id: 't1', kilometres: 10 }]);
});

it('leaves the process free, and ends the thread at the time-out', async () => {
  const stops = Array.from({ length: 15 }, (_, index) => [index, index % 7]); // for days
  const gid = await plan(stops, { timeout: '1s' });
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 20);
  await running.stepping.drain();
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(5); // a loop that is blocked turns once
  expect((await running.find(gid)).error).toMatch(/StepTimeoutError/);
});

it('fails the attempt when the thread fails', async () => {
  const gid = await plan('no stops at all');
  await running.stepping.drain();
  expect((await running.find(gid)).error).toMatch(/TypeError/);
});
