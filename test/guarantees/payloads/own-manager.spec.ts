import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  TransactionManager,
  type JobMessage,
  type PreparedJob,
  type TransactionManagerStrategy,
} from '../../../lib/index.js';
import { connect, startApplication, type StartedApplication } from '../../support/application.js';
import { testCodec } from '../../support/codec.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { SendEmail } from '../../support/steps.js';
import { waitFor } from '../../support/wait-for.js';

const SECRET = 'card-4111111111111111';

/** Keeps what it is told. */
class Messages extends TransactionManager {
  readonly told: [call: string, message: JobMessage][] = [];

  override async prepare(message: JobMessage): Promise<PreparedJob> {
    this.told.push(['prepare', message]);
    return { enlisted: false };
  }
  override async submit(message: JobMessage): Promise<void> {
    this.told.push(['submit', message]);
  }
  override async abort(message: JobMessage): Promise<void> {
    this.told.push(['abort', message]);
  }
}

let database: TestDatabase;
let application: StartedApplication;
let manager: Messages;

beforeEach(async () => {
  manager = new Messages();
  const transactionManager: TransactionManagerStrategy = {
    name: 'messages',
    providers: [
      { provide: TransactionManager, useValue: manager },
      { provide: DistributedJobs, useValue: {} },
    ],
  };
  database = await createDatabase('sqlite');
  application = await startApplication({
    dataSource: await connect(database),
    module: { codec: testCodec(), transactionManager },
    providers: [],
  });
});
afterEach(async () => {
  await application?.context.close();
  await database?.drop();
});

it('a transaction manager of the user is told nothing that is not encoded, whichever way a job starts', async () => {
  const { dataSource, context } = application;
  const factory = context.get(DistributedJobFactory);
  const job = (options = {}) => factory.createJob(options).addStep(SendEmail, { orderId: SECRET });
  await job({ transaction: 'none' }).start();
  await dataSource.transaction(() => job().start());
  const failing = dataSource.transaction(async () => {
    await job().start();
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  const byHand = await dataSource.transaction(async (entities) => {
    const prepared = job({ transaction: entities });
    await prepared.prepare();
    return prepared;
  });
  await byHand.submit();

  await waitFor(() => manager.told.length === 7);
  expect(manager.told.map(([call]) => call).sort()).toEqual([
    ...['abort', 'prepare', 'prepare', 'prepare', 'submit', 'submit', 'submit'],
  ]);
  for (const [, { steps }] of manager.told) {
    expect(steps[0]!.args).toContain('stepping:encoded');
    expect(steps[0]!.args).not.toContain(SECRET);
  }
});
