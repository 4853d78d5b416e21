import { blindProbe, type ConnectionProbe } from '../connections/connection-probe.js';

/** What is used of a connection of the driver. */
interface MysqlConnection {
  /** What the connection works at, if anything. */
  readonly _command?: { readonly onResult?: unknown; listenerCount?(event: string): number } | null;
}

/** The driver tells nothing about transactions. A COMMIT without an error is one: a failed transaction goes on here. */
class MysqlProbe implements ConnectionProbe {
  readonly inTransaction = blindProbe.inTransaction;
  readonly idleCount = blindProbe.idleCount;

  constructor(private readonly connection: MysqlConnection) {}

  commitAnswer(): 'COMMIT' {
    return 'COMMIT';
  }

  /** A query without a callback, whose rows somebody takes one by one. */
  streaming(): boolean {
    const { _command: command } = this.connection;
    return Boolean(command && command.onResult === undefined && command.listenerCount?.('result'));
  }
}

export function probeMysql(connection: unknown): ConnectionProbe {
  return new MysqlProbe((connection ?? {}) as MysqlConnection);
}
