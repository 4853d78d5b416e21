import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { errorText } from '../../../lib/errors/error-text.js';
import { rmqTransport } from '../../../lib/events/index.js';
import * as errors from '../../../lib/errors/index.js';
import {
  DataSourceNotFoundError,
  DuplicateGidError,
  DuplicateStepNameError,
  InvalidGidError,
  InvalidOptionError,
  JobStateError,
  SteppingError,
  TransactionConflictError,
  UnrecoverableStepError,
} from '../../../lib/errors/index.js';
import { dtm } from '../../../lib/tm/dtm/dtm.strategy.js';
import { aesGcmCodec, selfTm } from '../../../lib/index.js';

const samples: SteppingError[] = [
  new errors.ConnectionInTransactionError('at here'),
  new errors.AmbiguousDataSourceError(['a', 'b']),
  new errors.AmbiguousJobError('g', ['a', 'b']),
  new errors.CommitRefusedError(['g1', 'g2']),
  new errors.ConnectionStreamingError('g'),
  new errors.DataSourceNotFoundError(undefined, []),
  new errors.DuplicateBarrierError('g'),
  new errors.DuplicateGidError('g', { status: 'failed', steps: ['s'] }),
  new errors.DuplicateStepNameError('s', ['A in M', 'B in N']),
  new errors.HttpRequestError('GET', 'example.org/', 'status 500', { status: 500, answer: 'no' }),
  errors.InboxTransactionError.begunByHand(),
  new errors.InvalidGidError('', 'it is empty'),
  new errors.InvalidOptionError('retry.delay', -1, 'a duration'),
  new errors.InvalidStepArgumentsError('s', 'args.a', 'is a function.'),
  new errors.InvalidStepClassError('A', 'it has no execute().'),
  new errors.InvalidTransactionError({}),
  new errors.JobAlreadyStartedError('g', 'addStep'),
  new errors.JobHasNoStepsError('g'),
  new errors.JobNotFoundError('g'),
  new errors.JobNotPreparedError('g'),
  new errors.JobOutsideTransactionError('g'),
  new errors.JobStateError('g', 'retry', 'succeeded'),
  new errors.LeaseLostError('g'),
  new errors.MemoryStoreInProductionError(),
  new errors.ModuleImportedTwiceError(['Shop', 'Billing']),
  new errors.PayloadCodecError('encode', 'it has thrown (TypeError)'),
  new errors.PayloadCorruptError('it has been cut'),
  new errors.PayloadKeyUnknownError('k1'),
  new errors.SchemaOutdatedError(['stepping_jobs']),
  new errors.StandaloneJobInTransactionError('g'),
  new errors.StatementTimeoutError(1000),
  new errors.StepAbandonedError('s', 3, 2),
  new errors.StepArgumentsTooLargeError('g', 10, 5),
  new errors.TooManyStepsError('g', 5),
  new errors.StepInterruptedError('shutdown'),
  new errors.StepNotFoundError('s', ['t']),
  new errors.StepNotProvidedError('g', 's'),
  new errors.StepNotTransactionalError('s'),
  new errors.StepTimeoutError('s', 100),
  new errors.StepTransactionClosedError(),
  new errors.StepTransactionLostError('s'),
  new errors.OperationUnsupportedError('DistributedJobs.skip()'),
  new errors.ProgressRefusedError('g', { cause: new Error('a trigger') }),
  new errors.SteppingNotReadyError(),
  new errors.TablesMissingError(['stepping_jobs']),
  new errors.TransactionConflictError('g'),
  new errors.TransactionEndedError('g'),
  new errors.TransactionManagerUnavailableError('DTM'),
  new errors.TransactionNotActiveError('EntityManager'),
  new errors.TransactionNotPassedError('g'),
  new errors.TransactionRequiredError('g'),
  new errors.UnreadableJobError('its steps are no JSON'),
  new errors.UnrecoverableStepError('no such customer'),
  new errors.UnresolvedTransactionError('g', 'its row is locked'),
  new errors.EventTransportNotFoundError('orders', ['audit']),
  new errors.EventNotConfirmedError('e-1', 'order.placed', 'the channel was closed'),
  new errors.MessageIdMissingError('billing'),
  new errors.UnsupportedDatabaseError('oracle', 'postgres'),
];

function thrownBy(work: () => unknown): SteppingError {
  try {
    work();
  } catch (error) {
    return error as SteppingError;
  }
  throw new Error('It has thrown nothing.');
}

describe('the errors', () => {
  it('has a sample of every class of this folder', () => {
    const exported = Object.keys(errors).filter((name) => name !== 'SteppingError');
    expect(samples.map((error) => error.constructor.name).sort()).toEqual(exported.sort());
  });

  it.each(samples)('$name carries its name and a code of its own', (error) => {
    expect(error).toBeInstanceOf(SteppingError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(error.constructor.name);
    const words = error.name.replace(/^Stepping|Error$/g, '').replace(/(?<=.)([A-Z])/g, '_$1');
    expect(error.code).toBe(`STEPPING_${words.toUpperCase()}`);
    expect(error.stack?.split('\n')[0]).toContain(`${error.name}: ${error.message}`);
    expect(error.message).not.toMatch(/undefined|\[object/);
  });

  it('keeps name, code and facts in JSON', () => {
    const error = new DuplicateGidError('g', { status: 'failed', steps: ['a'] });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'DuplicateGidError',
      code: 'STEPPING_DUPLICATE_GID',
      gid: 'g',
      existing: { status: 'failed', steps: ['a'] },
    });
  });

  it('tells its cause in its message, which a log of the whole chain does not repeat', () => {
    const cause = new Error('connect ECONNREFUSED');
    for (const error of [
      new errors.TransactionManagerUnavailableError('PostgreSQL', { cause }),
      new errors.CommitRefusedError(['g'], { cause }),
    ]) {
      expect(error.message).toContain(': Error: connect ECONNREFUSED. ');
      expect(errorText(error).match(/ECONNREFUSED/g)).toHaveLength(1);
    }
    expect(new errors.TransactionManagerUnavailableError('DTM').message).not.toMatch(/cause|:/);
    const long = new errors.TransactionManagerUnavailableError('x', { cause: new Error('y'.repeat(5000)) });
    expect(long.message.length).toBeLessThan(600);
  });

  it('has a cause only when it was given one', () => {
    const cause = new Error('deadlock detected');
    expect(new TransactionConflictError('g', { cause }).cause).toBe(cause);
    expect(new UnrecoverableStepError('x', { cause }).cause).toBe(cause);
    expect('cause' in new TransactionConflictError('g')).toBe(false);
  });

  it('stays apart from a class of a user who extends it', () => {
    class CardDeclined extends UnrecoverableStepError {}
    expect(new CardDeclined('declined')).toBeInstanceOf(UnrecoverableStepError);
    expect(new CardDeclined('declined').message).toBe('declined');
  });

  it.each<[unknown, string]>([
    ['x'.repeat(500), '…'],
    [10n, '10n'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [() => 1, 'a function'],
    [[1], 'an array'],
    [{ secret: 'hunter2' }, 'an object'],
    [new Date(0), 'an instance of Date'],
    [Object.create(null), 'an object'],
    [Number.NaN, 'NaN'],
  ])('describes a wrong value shortly (case %#)', (value, part) => {
    const { message } = new InvalidOptionError('timeout', value, 'a duration');
    expect(message).toContain(part);
    expect(message).not.toContain('hunter2');
    expect(message.length).toBeLessThan(200);
  });

  /** Whatever prints an error whole. */
  const printed = (error: SteppingError) =>
    [
      error.message,
      error.stack,
      inspect(error, { depth: 6 }),
      inspect({ error }, { depth: 6 }),
      JSON.stringify(error),
      JSON.stringify(Object.assign({}, error)),
    ].join('\n');

  class Client {
    readonly options = { urls: ['mqtt://user:hunter2@broker'] };
    readonly connection = new Map([['password', 'hunter2']]);
  }
  const wrongValues: unknown[] = [
    new Client(),
    { client: { url: 'amqp://user:hunter2@broker' } },
    [{ password: 'hunter2' }],
    () => 'hunter2',
    'amqp://user:hunter2@broker/vhost',
    `amqp://user:${'hunter2'.repeat(20)}@broker`,
    'amqp://user:p@hunter2@broker',
    Symbol('amqp://user:hunter2@broker'),
  ];

  it.each(wrongValues)(
    'prints nothing of a value that may be secret, and still has it (case %#)',
    (value) => {
      const wrong = [
        new errors.InvalidOptionError('client', value, 'a client'),
        new errors.InvalidGidError(value, 'it is no text'),
        new errors.InvalidTransactionError(value),
      ] as const;
      for (const error of wrong) expect(printed(error)).not.toContain('hunter2');
      const [option, gid, transaction] = wrong;
      expect([option.value, gid.gid, transaction.value]).toEqual([value, value, value]);
      expect(JSON.parse(JSON.stringify(option))).toEqual({
        name: 'InvalidOptionError',
        code: 'STEPPING_INVALID_OPTION',
        option: 'client',
        expected: 'a client',
      });
    },
  );

  it('prints no text that was given in the place of options, and no key in the place of its id', () => {
    const key = '0123456789abcdef'.repeat(4);
    for (const make of [
      () => rmqTransport('hunter2' as never),
      () => selfTm('hunter2' as never),
      () => dtm('hunter2' as never),
      () => aesGcmCodec({ keys: { k1: key }, current: key }),
    ]) {
      const error = thrownBy(make);
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(printed(error)).not.toMatch(/hunter2|0123456789abcdef/);
    }
  });

  it('says what there is and what to do', () => {
    expect(new DuplicateStepNameError('pay', ['Pay in AModule', 'Pay in BModule']).message).toMatch(
      /'pay'.*Pay in AModule.*Pay in BModule/,
    );
    expect(new DataSourceNotFoundError('orders', ['default', 'logs']).message).toContain(
      "'default' and 'logs'",
    );
    expect(new InvalidGidError('a b', 'it has a space').message).toContain('[A-Za-z0-9._:-]');
    expect(new JobStateError('g', 'cancel', 'prepared').message).toContain('transaction decides');
    expect(new JobStateError('g', 'retry', 'canceled').message).toContain('Only failed jobs');
    expect(new JobStateError('g', 'cancel', 'succeeded').message).toContain('canceled: it is succeeded');
  });
});
