import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HttpRequestStep, Step, type StepContext, type StepHandler } from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import { testCodec } from '../../support/codec.js';
import { Endpoint } from '../../support/endpoint.js';
import { Order } from '../../support/order.entity.js';
import { Databases, describeManagers, isAtDtm } from '../../support/placements.js';
import { Recording } from '../../support/recording.js';
import { everythingStored } from '../../support/stored-bytes.js';
import { waitFor } from '../../support/wait-for.js';

const IN_ARGUMENTS = 'card-4111111111111111';
const IN_HEADER = 'token-5222222222222222';
const IN_BODY = 'iban-6333333333333333';
const IN_PATH = 'hook-8555555555555555';
const IN_ERROR = 'balance-7444444444444444';
const IN_STORE = [IN_ARGUMENTS, IN_HEADER, IN_BODY, IN_PATH];

/** Fails, and is tried again hours later. */
@Step({ name: 'charge-card', retry: { delay: '3h', maxDelay: '3h', jitter: false } })
class ChargeCard implements StepHandler<{ card: { number: string } }> {
  constructor(private readonly recording: Recording) {}
  async execute(args: { card: { number: string } }, context: StepContext): Promise<void> {
    await this.recording.note('charge-card', args, context);
    throw new RangeError(`only ${IN_ERROR} left`, { cause: new Error(`and ${IN_ERROR} is too little`) });
  }
}

describeManagers('what is stored with a codec', (backend, placement) => {
  let databases: Databases;
  let endpoint: Endpoint;
  let app: TestApplication | undefined;
  const logged: unknown[] = [];

  beforeEach(async () => {
    databases = await Databases.create(backend, placement);
    endpoint = await Endpoint.start();
    // The first request fails, and is told in the log.
    endpoint.statuses.push(503);
    logged.length = 0;
    for (const level of ['log', 'warn', 'error', 'debug', 'verbose'] as const) {
      vi.spyOn(Logger.prototype, level).mockImplementation((...line: unknown[]) => void logged.push(line));
    }
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app?.close();
    await endpoint.close();
    await databases.drop();
  });

  /** Runs a job until its last step has failed once. */
  const run = async (codec: ReturnType<typeof testCodec> | undefined): Promise<string> => {
    const started = await TestApplication.start(databases, { module: { codec }, providers: [ChargeCard] });
    app = started;
    const job = started.jobs
      .createJob()
      .addStep(HttpRequestStep, {
        url: `${endpoint.url}/${IN_PATH}`,
        headers: { Authorization: IN_HEADER },
        body: { iban: IN_BODY },
      })
      .addStep(ChargeCard, { card: { number: IN_ARGUMENTS } });
    await started.dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: '1' });
      await job.start();
    });
    await waitFor(() => inspect(logged, { depth: 10 }).includes('charge-card of job'));
    if (!isAtDtm(placement)) await waitFor(async () => (await started.admin.find(job.gid))!.error !== null);
    return job.gid;
  };

  it('holds neither arguments nor headers nor texts of errors, and the log does not either', async () => {
    const gid = await run(testCodec());
    const stored = await everythingStored(databases);
    // The job is there.
    expect(stored).toContain(gid);
    expect(stored).toContain('stepping:encoded');
    const told = inspect(logged, { depth: 10 });
    expect(told).toContain('RangeError');
    for (const secret of [...IN_STORE, IN_ERROR]) {
      expect(stored).not.toContain(secret);
      expect(told).not.toContain(secret);
    }
    // Those who may see them do.
    expect(endpoint.requests[0]!.headers.authorization).toBe(IN_HEADER);
    expect(JSON.parse(endpoint.requests[0]!.body)).toEqual({ iban: IN_BODY });
    expect(app!.recording.of(gid)[0]!.args).toEqual({ card: { number: IN_ARGUMENTS } });
    const found = (await app!.admin.find(gid))!;
    expect(found.steps[1]).toMatchObject({ name: 'charge-card', args: { card: { number: IN_ARGUMENTS } } });
    if (!isAtDtm(placement)) expect(found.error).toContain(IN_ERROR);
  });

  it('would be found by this search without a codec', async () => {
    const gid = await run(undefined);
    const stored = await everythingStored(databases);
    expect(stored).toContain(gid);
    // DTM keeps no errors.
    const secrets = isAtDtm(placement) ? IN_STORE : [...IN_STORE, IN_ERROR];
    for (const secret of secrets) expect(stored).toContain(secret);
    expect(inspect(logged, { depth: 10 })).toContain(IN_ERROR);
  });
});
