import { Injectable, type DynamicModule, type Type } from '@nestjs/common';
import { Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { DistributedJobs, selfTm, SteppingModule, type SelfTmOptions } from '../../../lib/index.js';
import { waitFor } from '../../support/wait-for.js';

let application: TestingModule | undefined;

async function start(
  options: SelfTmOptions,
  provider: Type,
  imports: DynamicModule[] = [],
): Promise<TestingModule> {
  application = await Test.createTestingModule({
    imports: [
      SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory', ...options }) }),
      ...imports,
    ],
    providers: [provider],
  }).compile();
  await application.init();
  return application;
}
/** Sees recovery run a few times. */
async function recovers(app: TestingModule): Promise<void> {
  const lastRun = () => app.get(DistributedJobs).recovery().lastRunAt;
  for (let seen = 0; seen < 3; seen += 1) {
    const before = lastRun();
    await waitFor(() => lastRun() !== before);
  }
}
afterEach(async () => {
  await application?.close();
  application = undefined;
});

describe('the timers of the application', () => {
  let fired: number;
  @Injectable()
  class Timed {
    @Interval(5)
    tick(): void {
      fired += 1;
    }
  }

  it('are not doubled, and recovery is one of them', async () => {
    fired = 0;
    const app = await start({ recoveryInterval: 20 }, Timed, [ScheduleModule.forRoot()]);
    const registry = app.get(SchedulerRegistry);
    expect(registry.getIntervals()).toContain('stepping-recovery');
    // A second explorer would register the @Interval again.
    expect(registry.getIntervals()).toHaveLength(2);
    await recovers(app);
    await waitFor(() => fired > 3);
    await app.close();
    application = undefined;
    expect(registry.getIntervals()).toEqual([]);
  });

  it('are none of the library without a ScheduleModule: @Interval stays silent, recovery runs', async () => {
    fired = 0;
    const app = await start({ recoveryInterval: 20 }, Timed);
    expect(() => app.get(SchedulerRegistry, { strict: false })).toThrow();
    await recovers(app);
    expect(fired).toBe(0);
  });
});
