import { blindProbe, type ConnectionProbe } from '../connections/connection-probe.js';
import { PostgresDeferredStatements } from './postgres.deferred-statements.js';

/** Listens to the protocol messages of one `pg` client. Their order is the order of the statements. */
class PostgresProbe implements ConnectionProbe {
  private status: string | undefined;
  private tag: string | undefined;
  private idle = 0;
  readonly deferred: PostgresDeferredStatements | undefined;

  constructor(private readonly client: any) {
    const protocol: { on(event: string, listener: (message: any) => void): void } = client.connection;
    this.status = client.getTransactionStatus?.() ?? undefined;
    this.deferred = PostgresDeferredStatements.install(client, () => this.status);
    protocol.on('commandComplete', (message) => (this.tag = message?.text));
    protocol.on('readyForQuery', (message) => {
      this.status = message?.status;
      if (this.status === 'I') this.idle += 1;
    });
  }

  inTransaction(): boolean | undefined {
    return this.status === undefined ? undefined : this.status !== 'I';
  }

  idleCount(): number {
    return this.idle;
  }

  commitAnswer(): 'COMMIT' | 'ROLLBACK' | undefined {
    return this.tag === 'COMMIT' || this.tag === 'ROLLBACK' ? this.tag : undefined;
  }

  /** A cursor of `pg-cursor`, a stream of `pg-query-stream` around one, or a COPY of `pg-copy-streams`, which may be written to. */
  streaming(): boolean {
    const active = this.client._activeQuery ?? undefined;
    if (typeof active?.write === 'function') return true;
    const cursor = active?.cursor ?? active;
    return typeof cursor?.read === 'function' && cursor.state !== 'done' && cursor.state !== 'error';
  }
}

const probes = new WeakMap<object, PostgresProbe>();

/** The probe of a client, made once for each. A client that does not show its protocol tells nothing. */
export function probePostgres(client: any): ConnectionProbe {
  const protocol = client?.connection;
  if (typeof protocol?.on !== 'function') return blindProbe;
  let probe = probes.get(protocol);
  if (!probe) probes.set(protocol, (probe = new PostgresProbe(client)));
  return probe;
}
