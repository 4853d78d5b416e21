import { DistributedJobFactory, selfTm, Step, UnrecoverableStepError } from 'nestjs-stepping';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { waitFor } from '../../support/wait-for.js';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('alerts');

@Step('charge')
class Charge {
  execute(): void {
    throw new UnrecoverableStepError('no money');
  }
}

@Step({ name: 'ship', retry: { delay: 10, maxDelay: 10 } })
class Ship {
  execute(): void {
    throw new Error('the carrier is away');
  }
}

const paged = vi.fn<(text: string) => void>();

let running: RecipeApplication;
beforeEach(async () => {
  paged.mockClear();
  running = await RecipeApplication.start({
    live: true,
    imports: [page.MonitoringModule],
    providers: [Charge, Ship, page.JobAlerts, { provide: page.Pager, useValue: { page: paged } }],
    stepping: {
      brake: { of: 2 },
      transactionManager: selfTm({ monitoring: { heartbeat: '1s', flush: '1s' } }),
    },
  });
});
afterEach(() => running.close());

async function fail(): Promise<string> {
  const factory = running.app.get(DistributedJobFactory);
  const { gid } = await factory.createJob({ transaction: 'none' }).addStep(Charge).start();
  await waitFor(async () => (await running.find(gid)).status === 'failed');
  return gid;
}

const text = async (path: string) => (await fetch(`${running.url}${path}`)).text();

const wasPaged = (text: RegExp): Promise<boolean> =>
  waitFor(() => paged.mock.calls.some(([said]) => text.test(said)), { message: String(text) });

it('tells of a job that has failed for good', async () => {
  const gid = await fail();
  await wasPaged(new RegExp(`Job ${gid} has failed at charge, after 1 attempts`));
});

it('tells of a step that keeps failing', async () => {
  await running.app.get(DistributedJobFactory).createJob({ transaction: 'none' }).addStep(Ship).start();
  await wasPaged(/^ship: \d+ of \d+ attempts have failed/);
  expect(await running.jobs.count({ failing: true })).toMatchObject({ count: 1 });
});

it('counts failed jobs for Prometheus', async () => {
  expect(await text('/metrics')).toMatch(/^stepping_failed_jobs 0$/m);
  await fail();
  await waitFor(async () => /^stepping_failed_jobs 1$/m.test(await text('/metrics')));
  expect(await text('/metrics')).toMatch(/^stepping_recovery_age_seconds /m);
});

it('tells that somebody runs jobs', async () => {
  const health = await waitFor(async () => {
    const response = await fetch(`${running.url}/health/jobs`);
    return response.status === 200 && ((await response.json()) as any);
  });
  expect(health).toMatchObject({ status: 'ok', details: { jobs: { status: 'up' } } });
});
