import { expect, it } from 'vitest';
import { dtmJob } from '../../../lib/tm/dtm/index.js';
import { describeInterop, type Scene } from '../../support/dtm/scene.js';
import type { Outgoing } from '../../support/dtm/tap.js';
import { atFaultPoint } from '../../support/fault-points.js';
import { logOf } from '../../support/log-lines.js';
import { waitFor } from '../../support/wait-for.js';

/** The calls of a job's steps, and the question about its transaction, as everybody can read them at DTM. */
async function readAtDtm(scene: Scene, gid: string): Promise<{ steps: Outgoing[]; query: Outgoing }> {
  const { transaction, branches } = await scene.server.query(gid);
  const grpc = scene.variant.protocol === 'grpc';
  const call = (branch: string, op: string) => ({ gid, trans_type: 'msg', branch_id: branch, op });
  const address = (url: string, parameters: Record<string, string>): Pick<Outgoing, 'path' | 'headers'> => {
    if (!grpc) {
      const { pathname, searchParams } = new URL(url);
      for (const [name, value] of Object.entries(parameters)) searchParams.set(name, value);
      return {
        path: `${pathname}?${searchParams.toString()}`,
        headers: { 'content-type': ['application/json'] },
      };
    }
    const { branch_headers: headers } = JSON.parse(transaction!.options as string) as {
      branch_headers: Record<string, string>;
    };
    const metadata = Object.entries(parameters).map(([name, value]) => [`dtm-${name}`, value]);
    const all = [...metadata, ...Object.entries(headers)].map(([name, value]) => [name, [value]]);
    return {
      path: url.slice(url.indexOf('/')),
      headers: Object.fromEntries(all) as Record<string, string[]>,
    };
  };
  const steps = branches
    .filter(({ op }) => op === 'action')
    .map(({ url, branch_id: branch, bin_data: data }) => ({
      ...address(url as string, call(branch as string, 'action')),
      body: Buffer.from(data as string, 'base64'),
    }));
  const query = {
    ...address(transaction!.query_prepared as string, call('00', 'msg')),
    ...(!grpc && { method: 'GET' }),
  };
  return { steps, query };
}

describeInterop('calls that somebody has read at DTM', (scene) => {
  it('run no step of a transaction that was rolled back', async () => {
    const { app, toApp } = scene();
    const job = app.job();
    await expect(app.order(job, new Error('no stock'))).rejects.toThrow('no stock');
    await scene().reaches(job.gid, 'failed');
    const { steps } = await readAtDtm(scene(), job.gid);
    expect(steps).toHaveLength(2);
    for (const step of [...steps, ...steps]) {
      expect(['ongoing', 'other 403', 'other 7']).toContain((await toApp.send(step)).answer);
    }
    await waitFor(async () => (await toApp.send(steps[0]!)).answer.startsWith('other'));
    expect((await toApp.send(steps[1]!)).answer).toMatch(/^other (?:403|7)$/);
    expect(app.recording.of(job.gid)).toEqual([]);
    expect(logOf(job.gid).some(({ text }) => text.includes('its transaction was rolled back'))).toBe(true);
  });

  it('run no step of a transaction that is still open', async () => {
    const { app, toApp } = scene();
    const runner = await app.begin();
    const job = app.job({ transaction: runner, manager: dtmJob({ requestTimeout: '4s' }) });
    await job.start();
    const { steps } = await readAtDtm(scene(), job.gid);
    for (const step of steps) expect((await toApp.send(step)).answer).toBe('ongoing');
    expect(app.recording.of(job.gid)).toEqual([]);
    await runner.commitTransaction();
    await runner.release();
    await scene().reaches(job.gid, 'succeed');
    expect(scene().ranOnce(job.gid)).toBe(true);
  });

  it('run no step again that has succeeded here', async () => {
    const { app, toApp } = scene();
    const job = app.job();
    await app.order(job);
    await scene().reaches(job.gid, 'succeed');
    const { steps } = await readAtDtm(scene(), job.gid);
    for (const step of steps.toReversed()) expect((await toApp.send(step)).answer).toBe('success');
    expect(scene().ranOnce(job.gid)).toBe(true);
  });

  it('settle no transaction before DTM itself would ask', async () => {
    const { app, toApp } = scene();
    const job = app.job({ manager: dtmJob({ queryPreparedAfter: '9s', retryInterval: '9s' }) });
    const answers: string[] = [];
    // Prepared, and not at its barrier yet.
    atFaultPoint('job:before-barrier', job.gid, async () => {
      const { query } = await readAtDtm(scene(), job.gid);
      for (let count = 0; count < 3; count++) answers.push((await toApp.send(query)).answer);
    });
    await app.order(job);
    expect(answers).toEqual(['ongoing', 'ongoing', 'ongoing']);
    await scene().reaches(job.gid, 'succeed');
    const { query } = await readAtDtm(scene(), job.gid);
    expect((await toApp.send(query)).answer).toBe('success');
    expect(scene().ranOnce(job.gid)).toBe(true);
  });
});
