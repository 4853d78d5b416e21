import { expect, it } from 'vitest';
import { mqttTransport, natsTransport } from '../../../lib/events/index.js';

const nothing = () => undefined;
const client = {
  connect: nothing,
  close: nothing,
  createSubscriptionHandler: nothing,
  createResponseCallback: nothing,
  serializer: { serialize: nothing },
  options: { protocolVersion: 5 },
};

it.each([
  ['nats', natsTransport, ['a.*', 'a.>', '>', 'a b', 'a..b', '.a'], ['orders', 'orders.placed']],
  ['mqtt', mqttTransport, ['a/#', '+', 'a/+/b'], ['orders', 'orders/placed', 'a b']],
] as const)('a pattern of %s is one place, with nothing behind it', (_broker, transport, refused, taken) => {
  const connected = transport({ client: 'CLIENT' }).connect(client);
  const problems = (patterns: readonly string[]) =>
    patterns.map((pattern) => connected.check!({ pattern, payload: 1, headers: {} })?.path);
  expect(problems(refused)).toEqual(refused.map(() => 'args.pattern'));
  expect(problems(taken)).toEqual(taken.map(() => undefined));
});
