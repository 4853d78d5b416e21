import { expect, it } from 'vitest';
import { messageIdOf } from '../../../lib/events/index.js';

function idOf(header: Buffer): string | undefined {
  return messageIdOf({
    getMessage: () => ({ headers: { 'message-id': header }, offset: '1' }),
    getTopic: () => 'orders',
    getPartition: () => 0,
  });
}

it('ids of Kafka that are numbers in binary are told apart', () => {
  const ids = [127n, 128n, 129n, 255n, 256n].map((number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(number);
    return idOf(bytes);
  });
  expect(new Set(ids).size).toBe(5);
  expect(ids[2]).toBe('0000000000000081');
});

it('ids of Kafka that are texts are these texts', () => {
  expect(idOf(Buffer.from('Bestellung für 日本'))).toBe('Bestellung für 日本');
  expect(idOf(Buffer.alloc(0))).toBe('orders:0:1');
});
