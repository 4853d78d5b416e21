import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpRequestStep } from '../../../lib/index.js';
import { dtmJob, DtmUnsupportedError } from '../../../lib/tm/dtm/index.js';
import { TestApplication } from '../../support/application.js';
import { testCodec } from '../../support/codec.js';
import { Databases, describeAtDtm } from '../../support/placements.js';

describeAtDtm(
  'a direct HttpRequestStep with a codec',
  (backend, placement) => {
    let databases: Databases;
    const module = { codec: testCodec() };

    beforeAll(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterAll(() => databases?.drop());

    it('is refused, since DTM would keep it as plain text, and nothing is sent', async () => {
      const app = await TestApplication.start(databases, { module });
      try {
        const job = app.jobs
          .createJob({ transaction: 'none', manager: dtmJob({ directHttpSteps: true }) })
          .addStep(HttpRequestStep, { url: 'http://127.0.0.1:9/' });
        await expect(job.start()).rejects.toThrow(DtmUnsupportedError);
        expect(await app.admin.find(job.gid)).toBeNull();
      } finally {
        await app.close();
      }
    });
  },
  ['sqlite'],
);
