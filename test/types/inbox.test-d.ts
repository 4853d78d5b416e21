// Checked by the compiler: a line under @ts-expect-error must not compile, everything else must.
import type { EntityManager } from 'typeorm';
import type { Inbox } from '../../lib/events/index.js';

declare const inbox: Inbox;
const message = { consumer: 'billing', id: '1' };

export async function results(): Promise<number> {
  const received = await inbox.receive(message, () => 1);
  // @ts-expect-error a duplicate has no value
  received.value.toFixed();
  return received.duplicate ? 0 : received.value;
}

export async function managers(): Promise<void> {
  // Without a type, the manager is described by its shape; with one, it is TypeORM's own.
  await inbox.receive(message, (manager) => manager.query('SELECT 1'));
  await inbox.receive(message, (manager: EntityManager) => manager.withRepository);
  // @ts-expect-error the shape does not have it
  await inbox.receive(message, (manager) => manager.withRepository);
  // @ts-expect-error no manager
  await inbox.receive(message, (manager: Date) => manager);
}

export const withoutId = inbox.receive({ consumer: 'billing', id: undefined }, () => 1);
// @ts-expect-error the consumer is missing
export const withoutConsumer = inbox.receive({ id: '1' }, () => 1);
