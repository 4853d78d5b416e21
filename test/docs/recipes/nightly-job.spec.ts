import { Module } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { afterEach, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('nightly-job');

let running: RecipeApplication | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const night = (gid: string) => ({ gid: `nightly-report:${gid}` });

it('makes one job a night, however many processes ask, and catches up at the start', async () => {
  running = await RecipeApplication.start({ imports: [page.NightlyModule] });
  const { stepping } = running;
  const nightly = running.get(page.Nightly);
  expect(await stepping.jobs()).toHaveLength(1); // the night before the test

  const at = (time: string): Promise<void> => nightly.start(new Date(time));
  await at('2030-03-02T03:05:00Z');
  await at('2030-03-02T03:05:01Z');
  await at('2030-03-03T02:59:00Z'); // a start in the next night, before 3:00
  await stepping.drain();
  await at('2030-03-02T04:00:00Z');
  await at('2030-03-03T03:05:00Z');
  await stepping.drain();
  expect(await stepping.jobs()).toMatchObject([
    {},
    { ...night('2030-03-02'), status: 'succeeded' },
    { ...night('2030-03-03'), status: 'succeeded' },
  ]);
});

it('starts one job when two call at once', async () => {
  running = await RecipeApplication.start({ imports: [page.NightlyModule] });
  const nightly = running.get(page.Nightly);
  const at = new Date('2030-03-02T03:05:00Z');
  await Promise.all([nightly.start(at), nightly.start(at), nightly.start(at)]);
  expect(await running.stepping.jobs()).toHaveLength(2);
});

it('leaves a night alone that has failed', async () => {
  running = await RecipeApplication.start({ imports: [page.NightlyModule] });
  const at = new Date('2030-03-02T03:05:00Z');
  const { stepping, jobs } = running;
  await running.get(page.Nightly).start(at);
  const { gid } = await stepping.expectJob(night('2030-03-02'));
  await jobs.cancel(gid);
  await running.get(page.Nightly).start(at);
  expect((await running.find(gid)).status).toBe('canceled');
});

it('is called by the clock', async () => {
  running = await RecipeApplication.start({ imports: [page.NightlyModule] });
  const job = running.app.get(SchedulerRegistry, { strict: false }).getCronJob('nightly-report');
  expect(job.nextDate().toUTC().toFormat('HH:mm')).toBe('03:05');
  await running.jobs.cancel((await running.stepping.jobs())[0]!.gid);
  await job.fireOnTick();
  expect(await running.stepping.jobs()).toHaveLength(1); // the same night
});

it('is not called without ScheduleModule.forRoot()', async () => {
  @Module({ providers: [page.Nightly, page.NightlyReport] })
  class WithoutSchedule {}
  running = await RecipeApplication.start({ imports: [WithoutSchedule] });
  expect(() => running!.app.get(SchedulerRegistry, { strict: false })).toThrow();
});
