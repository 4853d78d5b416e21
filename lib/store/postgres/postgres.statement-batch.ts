import type { Statement } from '../connections/internal.connection.js';
import { WHO_ANSWERS, type ParsedStatements } from './postgres.parsed-statements.js';

/** Called with the error of the server or of the connection, or with the tag of the last statement. */
export type BatchCallback = (error: unknown, tag?: string) => void;

/**
 * Sends statements that return no rows to PostgreSQL in one round trip. To `pg` it is a query object, like its cursors.
 *
 * One Sync ends them all, so the server skips whatever comes after a statement that fails, and never reaches a COMMIT at
 * the end. `pg`'s own pipeline mode syncs after each statement, applies to the connection as a whole, and would
 * send that COMMIT all the same.
 */
export class PostgresStatementBatch {
  /** For tools that look at what goes through the driver, such as tracing. */
  readonly text: string;
  private completed = 0;
  private tag: string | undefined;

  constructor(
    private readonly statements: readonly Statement[],
    /** The last statement, which has no parameters. */
    private readonly last: string | undefined,
    private readonly parsed: ParsedStatements,
    /** `pg` wraps its read time-out around it. */
    public callback: BatchCallback,
  ) {
    const texts = statements.map(({ sql }) => sql);
    this.text = (last === undefined ? texts : [...texts, last]).join(';\n');
  }

  /** How many statements the server has confirmed. After a lost connection, more may have been executed. */
  get done(): number {
    return this.completed;
  }

  submit(protocol: any): null {
    protocol.stream.cork?.();
    try {
      for (const statement of this.statements) this.send(protocol, statement);
      if (this.last !== undefined) {
        if (this.parsed.undecided) this.send(protocol, { sql: WHO_ANSWERS, params: [] });
        this.send(protocol, { sql: this.last, params: [] });
      }
      protocol.sync();
    } finally {
      protocol.stream.uncork?.();
    }
    return null;
  }

  private send(protocol: any, { sql, params }: Statement): void {
    const parsed = params.length > 0 ? this.parsed.take(sql) : undefined;
    if (!parsed) protocol.parse({ text: sql });
    else if (parsed.isNew) {
      // One of that name may be there after all; closing none is no error.
      protocol.close({ type: 'S', name: parsed.name });
      protocol.parse({ name: parsed.name, text: sql });
    }
    protocol.bind({ statement: parsed?.name, values: params.map(asText) });
    protocol.execute({});
  }

  handleCommandComplete(message: { text?: string }): void {
    this.completed += 1;
    this.tag = message.text;
  }

  handleReadyForQuery(): void {
    this.callback(undefined, this.tag);
  }

  handleError(error: unknown): void {
    this.parsed.failed(error);
    this.callback(error);
  }

  /** The answer to `WHO_ANSWERS`: nothing else returns rows. */
  handleDataRow({ fields }: { fields: readonly unknown[] }): void {
    this.parsed.answered(fields[0]);
  }

  handleRowDescription(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

/** Like `pg` for its own queries, whose encoder is not public. */
function asText(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`A parameter of type ${typeof value} cannot be sent in a batch.`);
}
