import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { notConfirmed } from '../../../lib/events/confirmation.js';

const SECRET = 'hunter2-S3cret';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

it.each([
  ['a URL that is none', thrownBy(() => new URL(`amqp://shop:${SECRET}@ho st/`))],
  ['a cause of that kind', new Error('cannot connect', { cause: thrownBy(() => new URL(SECRET)) })],
  [
    'a command of Redis',
    Object.assign(new Error('OOM command not allowed'), {
      command: { name: 'publish', args: ['p', SECRET] },
    }),
  ],
  ['a message with a URL', new Error(`amqp://shop:${SECRET}@host is away`)],
])('what a client has thrown can be printed whole: %s', (_what, thrown) => {
  const error = notConfirmed({ id: 'e1', pattern: 'order.placed' }, thrown);
  expect(inspect(error, { depth: 10 })).not.toContain(SECRET);
  expect(error.message).toContain("The event 'order.placed' (e1) is not confirmed: ");
});
