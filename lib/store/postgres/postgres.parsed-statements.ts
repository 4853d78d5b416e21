import { statementName } from './postgres.prepared-statements.js';

/** Tells another process of the server from the one that the client has connected to. */
export const WHO_ANSWERS = 'SELECT pg_backend_pid()';

/** The server knows of no such statement. */
const UNKNOWN_STATEMENT = '26000';
/** Makes the server forget them; such a text may hold several statements. */
const FORGETTING = /\b(?:discard|deallocate)\b/i;

/**
 * The statements that one connection to PostgreSQL has parsed under a name and need not parse again. For an INSERT, that
 * is a third of the server's work.
 *
 * Only for a connection that always reaches the same process of the server. Behind a pooler the next transaction may
 * reach another one, which does not know the statement and ends the transaction with an error. A pooler tells the
 * client a process id that it made up. So the server is asked for its id before anything gets a name.
 */
export class ParsedStatements {
  private server: 'unknown' | 'same' | 'changing' = 'unknown';
  private readonly names = new Map<string, string>();

  constructor(private readonly client: { readonly processID?: number | null }) {}

  /** The server has not been asked `WHO_ANSWERS` yet. */
  get undecided(): boolean {
    return this.server === 'unknown';
  }

  /** The answer to `WHO_ANSWERS`. */
  answered(processId: unknown): void {
    this.server = String(this.client.processID) === String(processId) ? 'same' : 'changing';
  }

  /** The name of a statement, and whether it must be parsed first; undefined where nothing has a name. */
  take(sql: string): { readonly name: string; readonly isNew: boolean } | undefined {
    if (this.server !== 'same') return undefined;
    const known = this.names.get(sql);
    if (known !== undefined) return { name: known, isNew: false };
    const name = statementName('stepping_tx', sql);
    this.names.set(sql, name);
    return { name, isNew: true };
  }

  /** To be called before a statement of the application is sent. */
  beforeStatement(text: string): void {
    if (this.names.size > 0 && FORGETTING.test(text)) this.names.clear();
  }

  /** A batch has failed, and its statements may not be parsed. */
  failed(error: unknown): void {
    this.names.clear();
    if ((error as { code?: unknown } | undefined)?.code === UNKNOWN_STATEMENT) this.server = 'changing';
  }
}
