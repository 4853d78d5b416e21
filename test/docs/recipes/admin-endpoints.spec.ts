import { DistributedJobFactory, Step, UnrecoverableStepError } from 'nestjs-stepping';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recipe } from './recipe.js';
import { RecipeApplication } from './recipe-application.js';

const page = await recipe('admin-endpoints');

@Step('charge')
class Charge {
  execute(): void {}
}

let running: RecipeApplication;
beforeAll(async () => {
  running = await RecipeApplication.start({ providers: [Charge], controllers: [page.JobsController] });
});
afterAll(() => running.close());

async function failedJob(): Promise<string> {
  running.stepping.failNext(Charge, new UnrecoverableStepError('no money'));
  const { gid } = await running.app
    .get(DistributedJobFactory)
    .createJob({ transaction: 'none' })
    .addStep(Charge)
    .start();
  await running.stepping.drain();
  return gid;
}

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`${running.url}/admin/jobs${path}`, {
    method,
    headers: { 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as any) };
}

it('shows failed jobs, and retries one', async () => {
  const gid = await failedJob();
  expect(await ask('GET', '?status=failed')).toMatchObject({ status: 200, body: { jobs: [{ gid }] } });
  expect(await ask('GET', `/${gid}`)).toMatchObject({ status: 200, body: { gid, status: 'failed' } });
  expect(await ask('POST', `/${gid}/retry`, { reason: 'the bank is back' })).toMatchObject({ status: 204 });
  await running.stepping.drain();
  expect((await running.find(gid)).status).toBe('succeeded');
  const { entries } = await running.jobs.audit({ gid });
  expect(entries).toMatchObject([
    { action: 'retry', reason: 'the bank is back', by: 'the user of the request' },
  ]);
});

it.each([
  ['GET', ''],
  ['POST', '/retry'],
  ['POST', '/cancel'],
])('answers 404 for a job that is not there: %s %s', async (method, path) => {
  const answer = await ask(method, `/nothing${path}`, method === 'POST' ? { reason: 'a test' } : undefined);
  expect(answer).toMatchObject({ status: 404, body: { code: 'STEPPING_JOB_NOT_FOUND' } });
});

it('answers 409 to the second of two, and when the job has ended', async () => {
  const gid = await failedJob();
  expect((await ask('POST', `/${gid}/cancel`, { reason: 'a test' })).status).toBe(204);
  for (const action of ['cancel', 'retry']) {
    expect(await ask('POST', `/${gid}/${action}`, { reason: 'a test' })).toMatchObject({
      status: 409,
      body: { code: 'STEPPING_JOB_STATE', message: expect.stringContaining('canceled') },
    });
  }
});

it('answers 400 to a status and a reason that cannot be', async () => {
  const refusal = { status: 400, body: { code: 'STEPPING_INVALID_OPTION' } };
  expect(await ask('GET', '?status=lost')).toMatchObject(refusal);
  expect(await ask('POST', `/${await failedJob()}/retry`, { reason: '' })).toMatchObject(refusal);
});
