import { describe, expect, it } from 'vitest';
import { errorLabel } from '../../../lib/errors/error-label.js';
import {
  HttpRequestError,
  InvalidStepArgumentsError,
  StepTimeoutError,
  UnrecoverableStepError,
} from '../../../lib/errors/index.js';

const SECRET = 'card-4111';
const secretly = <T extends object>(error: Error, properties: T): Error => Object.assign(error, properties);

class Declined extends UnrecoverableStepError {}

describe('the label of an error', () => {
  it.each<[string, unknown, string]>([
    ['names it', new RangeError(SECRET), 'RangeError'],
    ['tells a code', secretly(new Error(SECRET), { code: 'ECONNREFUSED' }), 'Error [ECONNREFUSED]'],
    ['tells a status', secretly(new Error(SECRET), { status: 503 }), 'Error [503]'],
    ['tells causes', new Error(SECRET, { cause: new TypeError(SECRET) }), 'Error; caused by TypeError'],
    ['takes no name that is a text', secretly(new Error(SECRET), { name: `no ${SECRET}` }), 'Error'],
    ['takes no code that is a text', secretly(new Error(SECRET), { code: `no ${SECRET}` }), 'Error'],
    [
      'tells a text of the library',
      new StepTimeoutError('pay', 100),
      "StepTimeoutError: The step 'pay' did not end",
    ],
    ['tells no text of a step', new UnrecoverableStepError(SECRET), 'UnrecoverableStepError'],
    ['tells no text of a class that extends it', new Declined(SECRET), 'UnrecoverableStepError'],
    [
      'tells no text of a validator',
      new InvalidStepArgumentsError('pay', SECRET, SECRET),
      'InvalidStepArgumentsError',
    ],
    [
      'tells no address',
      new HttpRequestError('GET', SECRET, SECRET, { status: 404 }),
      'HttpRequestError [404]',
    ],
    ['tells nothing of a text', SECRET, 'a string'],
    ['tells nothing of an object', { message: SECRET, [SECRET]: SECRET }, 'Error'],
    ['bears nothing', undefined, 'undefined'],
    ['bears null', null, 'null'],
  ])('%s', (_, thrown, label) => {
    expect(errorLabel(thrown).slice(0, label.length)).toBe(label);
    expect(errorLabel(thrown)).not.toContain(SECRET);
  });

  it('is bounded, whatever the causes', () => {
    const loop = new Error('one') as Error & { cause: unknown };
    loop.cause = loop;
    expect(errorLabel(loop).split('caused by')).toHaveLength(8);
  });

  it('survives what throws when it is read', () => {
    const angry = new Proxy(
      {},
      {
        get: () => {
          throw new Error(SECRET);
        },
        getPrototypeOf: () => {
          throw new Error(SECRET);
        },
      },
    );
    expect(errorLabel(angry)).toBe('Error');
  });
});
