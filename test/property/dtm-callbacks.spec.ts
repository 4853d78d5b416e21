import 'reflect-metadata';
import { request } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Step, SteppingModule, type StepHandler } from '../../lib/index.js';
import { dtm } from '../../lib/tm/dtm/index.js';
import { freePort } from '../support/dtm/dtm-server.js';

const ANSWER_MS = 5000;
let executions = 0;

@Step('never')
class Never implements StepHandler<unknown> {
  execute(): void {
    executions += 1;
  }
}

/**
 * The addresses that DTM calls are open to whoever reaches the application: without a signature nothing may be
 * answered that DTM would take for an end of a step or of a transaction, and nothing may break.
 */
describe('the callbacks of DTM', () => {
  let application: INestApplication;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    const testing = await Test.createTestingModule({
      imports: [
        SteppingModule.forRoot({
          transactionManager: dtm({
            // Nobody is there, and nobody is called.
            server: 'http://127.0.0.1:9',
            callback: `http://127.0.0.1:${port}`,
            secrets: 'a secret of the tests',
          }),
        }),
      ],
      providers: [Never],
    }).compile();
    application = testing.createNestApplication({ forceCloseConnections: true });
    await application.listen(port, '127.0.0.1');
  });
  afterAll(() => application.close());

  function call(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const message = request(
        { host: '127.0.0.1', port, method, path, headers, timeout: ANSWER_MS },
        (response) => {
          response.resume().on('end', () => resolve(response.statusCode!));
        },
      );
      message.on('error', reject).on('timeout', () => message.destroy(new Error('no answer in time')));
      message.end(body);
    });
  }

  const gid = fc.oneof(fc.uuid(), fc.string(), fc.constant('(order-7)'));
  const parameters = fc.record(
    {
      gid,
      trans_type: fc.constantFrom('msg', 'saga', ''),
      branch_id: fc.oneof(fc.constantFrom('00', '01', '02'), fc.string()),
      op: fc.constantFrom('action', 'msg', 'compensate', ''),
      token: fc.string(),
      signature: fc.oneof(fc.string(), fc.base64String({ minLength: 40, maxLength: 44 })),
    },
    { requiredKeys: [] },
  );
  /** Also `a[]=1` and the like, of which servers make arrays and objects. */
  const query = fc
    .tuple(parameters, fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }))
    .map(([known, others]) =>
      new URLSearchParams({ ...others, ...(known as Record<string, string>) }).toString(),
    );
  const payload = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({
        step: fc.constantFrom('never', 'other'),
        args: fc.jsonValue(),
        signature: fc.string(),
        steps: fc.nat(),
      })
      .map((value) => JSON.stringify(value)),
  );
  const headers = fc.record(
    {
      'content-type': fc.constantFrom(
        'application/json',
        'text/plain',
        'application/x-www-form-urlencoded',
        'x/y',
      ),
      'x-request-id': fc.stringMatching(/^[\w -]{0,20}$/),
      'dtm-signature': fc.base64String(),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Record<string, string>>;

  function refused(status: number): void {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).not.toBe(409);
    expect(status).toBeLessThan(600);
  }

  it('answer a question about a transaction with nothing that decides', async () => {
    await fc.assert(
      fc.asyncProperty(query, headers, async (text, sent) => {
        refused(await call('GET', `/stepping/query-prepared?${text}`, undefined, sent));
      }),
      { numRuns: 300 },
    );
  });

  it('run no step, and say neither success nor failure', async () => {
    await fc.assert(
      fc.asyncProperty(query, payload, headers, async (text, body, sent) => {
        refused(await call('POST', `/stepping/step?${text}`, body, sent));
      }),
      { numRuns: 400 },
    );
    expect(executions).toBe(0);
  });

  it('still answer afterwards', async () => {
    expect(await call('GET', '/stepping/query-prepared')).toBeGreaterThanOrEqual(400);
  });
});
