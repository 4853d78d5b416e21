import { expect, it } from 'vitest';
import { dtmJob, DtmJobRolledBackError } from '../../../../lib/tm/dtm/index.js';
import { logOf } from '../../../support/log-lines.js';
import { describeInterop } from '../../../support/dtm/scene.js';

describeInterop('a request about a job that DTM has already', (scene) => {
  async function abortAtDtm(gid: string): Promise<void> {
    const response = await fetch(`${scene().server.httpUrl}/api/dtmsvr/abort`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ gid, trans_type: 'msg' }),
    });
    expect(response.status).toBe(200);
  }

  it('#22 is accepted when it is the Prepare, whose answer was lost', async () => {
    const { app, toDtm } = scene();
    const job = app.job();
    toDtm.on(job.gid, {
      after: ({ name }) => (name === 'prepare' && toDtm.of(job.gid).length === 1 ? 'cut' : 'go'),
    });
    await app.order(job);
    await scene().reaches(job.gid, 'succeed');
    expect(toDtm.of(job.gid).map(({ name, answer }) => [name, answer])).toEqual([
      ['prepare', 'success'],
      ['prepare', 'success'],
      ['submit', 'success'],
    ]);
    expect(scene().ranOnce(job.gid)).toBe(true);
  });

  it('#22 counts as done when it is the Submit of a job that has succeeded meanwhile', async () => {
    const { app, toDtm } = scene();
    const job = await app.prepared('commit');
    await scene().reaches(job.gid, 'succeed');
    await job.submit();
    // DTM refuses it: ABORTED, or 409.
    expect(toDtm.answers(job.gid, 'submit')).toEqual(['failure']);
    expect(logOf(job.gid)).toEqual([]);
    expect(scene().ranOnce(job.gid)).toBe(true);
  });

  it('#22 is an error of its own when it is the Submit of a job that was aborted', async () => {
    const { app, toDtm, toApp } = scene();
    const job = app.job({ transaction: 'none' });
    toDtm.on(job.gid, { before: ({ name }) => name === 'submit' && abortAtDtm(job.gid) });
    await expect(job.start()).rejects.toBeInstanceOf(DtmJobRolledBackError);
    expect(toApp.of(job.gid, 'step')).toEqual([]);
  });

  it('#22 is logged when it is the Submit by hand of a job that was aborted', async () => {
    const { app, toApp } = scene();
    const job = await app.prepared('commit', { manager: dtmJob({ queryPreparedAfter: '5m' }) });
    await abortAtDtm(job.gid);
    await job.submit();
    expect(logOf(job.gid).map(({ text }) => text)).toEqual([
      expect.stringContaining('DtmJobRolledBackError'),
    ]);
    expect(toApp.of(job.gid)).toEqual([]);
  });
});
