import { ApplicationOptions, TestApplication } from '../../support/application.js';
import type { Backend, TestDatabase } from '../../support/database.js';
import { Inbox, SteppingEventsModule } from '../../../lib/events/index.js';
import { lockWaits } from '../../support/lock-waits.js';
import { waitFor } from '../../support/wait-for.js';

type EventsOptions = Parameters<typeof SteppingEventsModule.forRoot>[0];

/** The options of an application with an inbox. */
export function withInbox(events: EventsOptions = {}, options: ApplicationOptions = {}): ApplicationOptions {
  return { ...options, imports: [SteppingEventsModule.forRoot(events)] };
}

export function inboxOf(app: TestApplication): Inbox {
  return app.context.get(Inbox);
}

/** What is marked, as the table shows it. */
export async function marksOf(database: TestDatabase): Promise<{ consumer: string; id: string }[]> {
  const rows = await database.query<{ consumer: string; id: string }>(
    'SELECT consumer, message_id AS id FROM stepping_inbox ORDER BY received_at',
  );
  return rows.map(({ consumer, id }) => ({ consumer, id }));
}

/** A door that stays closed until `open()` is called. */
export class Door {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** Waits until a statement of this database waits for the lock of another transaction. SQLite cannot tell: nothing is waited for. */
export async function lockWaited(backend: Backend, database: TestDatabase): Promise<void> {
  if (backend === 'sqlite') return;
  await waitFor(async () => (await database.query(lockWaits(database))).length > 0, {
    message: 'a delivery that waits for another',
    // InnoDB answers from memory until nobody has asked for 100 ms.
    interval: 250,
  });
}
