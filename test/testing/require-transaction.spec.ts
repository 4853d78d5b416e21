import { afterEach, describe, expect, it } from 'vitest';
import { selfTm } from '../../lib/index.js';
import { Ping } from '../support/steps.js';
import { TestedApplication } from './tested-application.js';

describe('a job outside any transaction, in a test', () => {
  let app: TestedApplication | undefined;
  afterEach(async () => app?.close());

  const start = (): Promise<unknown> => app!.jobs.createJob().addStep(Ping).start();
  const required = { code: 'STEPPING_TRANSACTION_REQUIRED' };

  it('is refused as in production, although jobs are kept in memory here', async () => {
    app = await TestedApplication.start({ backend: 'sqlite', module: { requireTransaction: undefined } });
    await expect(start()).rejects.toMatchObject(required);
    await app.dataSource.transaction(start);
    expect((await app.stepping.drain()).ran).toHaveLength(1);
  });

  it('is started where it is in production', async () => {
    app = await TestedApplication.start({
      backend: 'sqlite',
      module: { requireTransaction: undefined, transactionManager: selfTm({ store: 'memory' }) },
    });
    await start();
    expect((await app.stepping.drain()).ran).toHaveLength(1);
  });
});
