import { isName } from '../core/name.js';
import type { InternalConnection, Statement, StatementResult } from './connections/internal.connection.js';
import { ControlStatements, type ControlRow } from './control-statements.js';
import { ControlStore, type Control, type ControlKind, type ControlValues } from './control-store.js';
import type { Dialect } from './dialect.js';
import { orUnavailable } from './driver-errors.js';
import { decodeText, type StoredText } from './stored-text.js';

/**
 * Keeps the controls in a table beside the jobs. Its errors are those of the job store.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class SqlControlStore extends ControlStore {
  private built: ControlStatements | undefined;

  constructor(
    private readonly connection: InternalConnection,
    private readonly dialect: Dialect,
  ) {
    super();
  }

  override async read(): Promise<Control[]> {
    const { rows } = await this.run(this.statements.read(), true);
    return (rows as ControlRow[]).filter(isReadable).map(controlOf);
  }

  override async find(kind: ControlKind, target: string): Promise<Control | null> {
    const { rows } = await this.run(this.statements.find(kind, this.text.encode(target)));
    return (rows as ControlRow[]).map(controlOf)[0] ?? null;
  }

  /** No statement that writes a row whether it is there or not is understood by all databases. */
  override async set(kind: ControlKind, target: string, values: ControlValues): Promise<void> {
    const written = this.written(values);
    const update = this.statements.update(kind, this.text.encode(target), undefined, written, true);
    if ((await this.run(update)).affected > 0) return;
    if (!(await this.insert(kind, target, values))) await this.run(update);
  }

  override async insert(kind: ControlKind, target: string, values: ControlValues): Promise<boolean> {
    const { sql, params } = this.statements.insert(kind, this.text.encode(target), this.written(values));
    return this.own(async () => {
      try {
        return (await this.connection.query(sql, params)).affected > 0;
      } catch (error) {
        if (this.dialect.errors.isUniqueViolation(error)) return false;
        throw error;
      }
    });
  }

  override async replace(
    kind: ControlKind,
    target: string,
    value: string,
    values: ControlValues,
    again: boolean,
  ): Promise<boolean> {
    const expected = this.text.json(value);
    const written = this.written(values);
    const update = this.statements.update(kind, this.text.encode(target), expected, written, again);
    return (await this.run(update)).affected > 0;
  }

  override async remove(kind: ControlKind, targets: readonly string[]): Promise<boolean> {
    const names = targets.map((target) => this.text.encode(target));
    return (await this.run(this.statements.remove(kind, names))).affected > 0;
  }

  override async removeEnded(kind: ControlKind, target: string, value: string): Promise<void> {
    await this.run(this.statements.removeEnded(kind, this.text.encode(target), this.text.json(value)));
  }

  override async now(): Promise<Date> {
    const { rows } = await this.run(this.statements.now());
    return new Date(Number((rows as { now: number | string }[])[0]!.now));
  }

  override async elapse(milliseconds: number): Promise<void> {
    await this.run(this.statements.elapse(milliseconds));
  }

  private get statements(): ControlStatements {
    const { tables } = this.dialect;
    return (this.built ??= new ControlStatements(tables, this.dialect.notation(this.connection)));
  }

  private get text(): StoredText {
    return this.dialect.text;
  }

  private written({ value, reason, by, endsIn }: ControlValues): ControlValues {
    return {
      value: this.text.json(value),
      reason: reason === null ? null : this.text.encode(reason),
      by: by === null ? null : this.text.encode(by),
      endsIn,
    };
  }

  private run({ sql, params }: Statement, prepared = false): Promise<StatementResult> {
    return this.own(() => this.connection.query(sql, params, { prepared }));
  }

  private own<T>(work: () => Promise<T>): Promise<T> {
    return orUnavailable('The database of the jobs', this.dialect, work);
  }
}

/** Somebody may write into the table by hand, and other versions of the library know other kinds. */
function isReadable({ kind, target }: ControlRow): boolean {
  return (kind === 'pause' || kind === 'brake') && isName(decodeText(target));
}

function controlOf({ kind, target, value, reason, doneBy, since, until, now }: ControlRow): Control {
  return {
    kind,
    target: decodeText(target),
    value: value ?? '',
    reason: reason === null ? null : decodeText(reason),
    by: doneBy === null ? null : decodeText(doneBy),
    since: new Date(Number(since)),
    until: until === null ? null : new Date(Number(until)),
    endsIn: until === null ? null : Number(until) - Number(now),
  };
}
