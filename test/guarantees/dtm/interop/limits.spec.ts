import { expect, it } from 'vitest';
import { InvalidGidError, InvalidOptionError, StepArgumentsTooLargeError } from '../../../../lib/index.js';
import { dtmJob, DtmLimitError } from '../../../../lib/tm/dtm/index.js';
import { ReserveStock } from '../../../support/steps.js';
import { describeInterop, describePlainInterop } from '../../../support/dtm/scene.js';

const MEBIBYTE = 1024 * 1024;

// Sizes to the byte, which a codec changes.
describePlainInterop('what DTM cannot keep or deliver', (scene) => {
  it('#23 is refused before anything is sent: headers over 1024 characters', async () => {
    const { app } = scene();
    const job = app.job({ manager: dtmJob({ headers: { 'x-trace': 'a'.repeat(1000) } }) });
    await expect(app.order(job)).rejects.toMatchObject({
      name: 'DtmLimitError',
      what: 'the characters of its options and headers',
      limit: 1024,
    });
    expectNothingSent(job.gid);
    expect(await app.hasOrder(job.gid)).toBe(false);
    // What just fits is taken, and arrives.
    const headers = { 'x-trace': 'a'.repeat(500) };
    const fits = app.job({ manager: dtmJob({ headers }) });
    await app.order(fits);
    await scene().reaches(fits.gid, 'succeed');
    expect(scene().toApp.of(fits.gid, 'step')[0]!.headers['x-trace']).toEqual([headers['x-trace']]);
  });

  it('#23 is refused before anything is sent: a gid of 129 characters, or of 128 that become more', async () => {
    const { app } = scene();
    expect(() => app.job({ gid: 'g'.repeat(129) })).toThrow(InvalidGidError);
    const start = (gid: string) => app.dataSource.transaction(() => app.job({ gid }).start());
    for (const gid of ['g'.repeat(128), 'G'.repeat(64)]) {
      await expect(start(gid)).rejects.toBeInstanceOf(DtmLimitError);
      expectNothingSent(gid);
    }
    const fits = 'h'.repeat(126);
    await start(fits);
    await scene().reaches(`(${fits})`, 'succeed');
    expect(scene().ranOnce(fits)).toBe(true);
  });

  it('#23 is refused before anything is sent: a header that cannot travel', () => {
    for (const name of [
      '',
      'x y',
      'x:y',
      'dtm-gid',
      'grpc-timeout',
      'stepping-query',
      'x-bin',
      'Content-Type',
    ]) {
      expect(() => dtmJob({ headers: { [name]: 'v' } })).toThrow(InvalidOptionError);
    }
    for (const value of ['Müller', 'a\nb']) {
      expect(() => dtmJob({ headers: { 'x-name': value } })).toThrow(InvalidOptionError);
    }
  });

  it('#23 is refused before anything is sent: a step of more than 65,535 bytes, or 4 MiB', async () => {
    const { app } = scene();
    const create = (bytes: number) =>
      app.jobs.createJob().addStep(ReserveStock, { orderId: 'x'.repeat(bytes) });
    const large = create(65_535);
    await expect(app.order(large)).rejects.toMatchObject({
      name: 'DtmLimitError',
      what: 'the bytes of one step',
    });
    expectNothingSent(large.gid);
    expect(() => create(4 * MEBIBYTE)).toThrow(StepArgumentsTooLargeError);
    const fits = create(60_000);
    await app.order(fits);
    await scene().reaches(fits.gid, 'succeed');
  });

  function expectNothingSent(gid: string): void {
    const sent = scene().toDtm.calls.filter(({ body }) =>
      body.toString().toLowerCase().includes(gid.toLowerCase()),
    );
    expect(sent).toHaveLength(0);
  }
});

describeInterop(
  'steps that are large on purpose',
  (scene) => {
    it('#23 are refused before anything is sent: together more than the 4 MiB of one message', async () => {
      const { app, toDtm } = scene();
      const job = app.jobs.createJob();
      const orderId = 'x'.repeat(MEBIBYTE - 100);
      for (let steps = 0; steps < 4; steps += 1) job.addStep(ReserveStock, { orderId });
      await expect(app.order(job)).rejects.toMatchObject({
        name: 'DtmLimitError',
        what: 'the bytes of the whole job',
        limit: 4 * MEBIBYTE,
      });
      expect(toDtm.of(job.gid, 'prepare')).toHaveLength(0);
    });
  },
  { dtm: { maxPayloadBytes: 4 * MEBIBYTE }, module: { codec: undefined } },
);
