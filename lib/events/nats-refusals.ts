import { setImmediate } from 'node:timers/promises';

/** What a connection of NATS tells of itself; `nats` and `@nats-io` name it differently. */
interface NatsStatus {
  readonly type?: unknown;
  readonly error?: Violation;
  readonly permissionContext?: Violation;
}

interface Violation {
  readonly operation?: unknown;
  readonly subject?: unknown;
}

export interface NatsStatusSource {
  status(): AsyncIterable<NatsStatus>;
}

/** The subjects that a server does not let its user publish to. It says so beside the answer to `flush()`, which tells nothing of it. */
export class NatsRefusals {
  private readonly waiting = new Map<string, { publishing: number; refused: boolean }>();

  constructor(readonly connection: NatsStatusSource) {
    void this.watch().catch(() => undefined);
  }

  /** Publishes to a subject, and fails when the server has refused that in the meantime. */
  async watched(subject: string, publish: () => Promise<void>): Promise<void> {
    const entry = this.waiting.get(subject) ?? { publishing: 0, refused: false };
    this.waiting.set(subject, entry);
    entry.publishing += 1;
    try {
      await publish();
      // The refusal came before the answer, but through a queue.
      await setImmediate();
      if (entry.refused) throw new Error('the server does not let this user publish to the subject');
    } finally {
      entry.publishing -= 1;
      if (entry.publishing === 0) this.waiting.delete(subject);
    }
  }

  private async watch(): Promise<void> {
    for await (const { error, permissionContext } of this.connection.status()) {
      const violation = permissionContext ?? error;
      if (violation?.operation !== 'publish') continue;
      const entry = this.waiting.get(String(violation.subject));
      if (entry) entry.refused = true;
    }
  }
}
