import { withoutData } from '../../errors/data-in-errors.js';
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
 *
 * Tools in front of the driver copy query objects (`{ ...query, text }`) to add comments. So everything is a property of the
 * object itself, and the copies share their state.
 *
 * @param last the last statement, which has no parameters.
 */
export function statementBatch(
  statements: readonly Statement[],
  last: string | undefined,
  prepared: ParsedStatements,
  callback: BatchCallback,
) {
  const texts = statements.map(({ sql }) => sql);
  let completed = 0;
  let tag: string | undefined;
  return {
    /** For tools that look at what goes through the driver, such as tracing. What is sent does not depend on it. */
    text: (last === undefined ? texts : [...texts, last]).join(';\n'),
    /** `pg` wraps its read time-out around it. */
    callback,
    /** How many statements the server has confirmed. After a lost connection, more may have been executed. */
    done: (): number => completed,

    submit(protocol: any): null {
      protocol.stream.cork?.();
      try {
        for (const statement of statements) send(protocol, prepared, statement);
        if (last !== undefined) {
          if (prepared.undecided) send(protocol, prepared, { sql: WHO_ANSWERS, params: [] });
          send(protocol, prepared, { sql: last, params: [] });
        }
        protocol.sync();
      } finally {
        protocol.stream.uncork?.();
      }
      return null;
    },

    handleCommandComplete(message: { text?: string }): void {
      completed += 1;
      tag = message.text;
    },
    handleReadyForQuery(): void {
      this.callback(undefined, tag);
    },
    handleError(error: unknown): void {
      prepared.failed(error);
      const failed = statements[completed];
      // A COMMIT fails for reasons of the application, which keep what they say.
      this.callback(failed ? withoutData(error, failed.params) : error);
    },
    /** The answer to `WHO_ANSWERS`: nothing else returns rows. */
    handleDataRow({ fields }: { fields: readonly unknown[] }): void {
      prepared.answered(fields[0]);
    },
    handleRowDescription(): void {},
    handleEmptyQuery(): void {},
    handlePortalSuspended(): void {},
  };
}

function send(protocol: any, prepared: ParsedStatements, { sql, params }: Statement): void {
  const parsed = params.length > 0 ? prepared.take(sql) : undefined;
  if (!parsed) protocol.parse({ text: sql });
  else if (parsed.isNew) {
    // One of that name may be there after all; closing none is no error.
    protocol.close({ type: 'S', name: parsed.name });
    protocol.parse({ name: parsed.name, text: sql });
  }
  protocol.bind({ statement: parsed?.name, values: params.map(asText) });
  protocol.execute({});
}

/** Like `pg` for its own queries, whose encoder is not public. */
function asText(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`A parameter of type ${typeof value} cannot be sent in a batch.`);
}
