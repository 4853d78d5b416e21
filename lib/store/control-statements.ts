import type { Statement } from './connections/internal.connection.js';
import type { ControlKind, ControlValues } from './control-store.js';
import type { SqlNotation } from './sql-notation.js';
import { fragment, RawSql, type Fragment } from './sql-template.js';
import type { QualifiedTables } from './table-names.js';

/** Nobody pauses so many steps; the bound keeps a damaged table from filling the memory of every process. */
const MAX_CONTROLS = 10_000;

/** A row of the table of controls. Times are epoch milliseconds, which some drivers answer as texts. */
export interface ControlRow {
  readonly kind: ControlKind;
  readonly target: string;
  readonly value: string | null;
  readonly reason: string | null;
  readonly doneBy: string | null;
  readonly since: number | string;
  readonly until: number | string | null;
  readonly now: number | string;
}

/** The statements of the controls. All databases understand the same ones. */
export class ControlStatements {
  private readonly controls: RawSql;
  private readonly until: RawSql;

  constructor(
    tables: QualifiedTables,
    private readonly notation: SqlNotation,
  ) {
    this.controls = new RawSql(tables.controls);
    this.until = notation.quoted('until');
  }

  read(): Statement {
    return this.notation.sql`
      SELECT ${this.columns} FROM ${this.controls} ORDER BY kind, target LIMIT ${new RawSql(String(MAX_CONTROLS))}`;
  }

  find(kind: ControlKind, target: string): Statement {
    return this.notation.sql`
      SELECT ${this.columns} FROM ${this.controls} WHERE ${this.isControl(kind, target)}`;
  }

  insert(kind: ControlKind, target: string, { value, reason, by, endsIn }: ControlValues): Statement {
    return this.notation.sql`
      INSERT INTO ${this.controls} (kind, target, value, reason, set_by, since, ${this.until})
      VALUES (${kind}, ${target}, ${value}, ${reason}, ${by}, ${this.notation.now}, ${this.timeIn(endsIn)})`;
  }

  /** @param expected the value that the row must have; undefined for any. */
  update(
    kind: ControlKind,
    target: string,
    expected: string | undefined,
    { value, reason, by, endsIn }: ControlValues,
    again: boolean,
  ): Statement {
    const since = again ? fragment`, since = ${this.notation.now}` : fragment``;
    const hasValue = expected === undefined ? fragment`` : fragment` AND value = ${expected}`;
    return this.notation.sql`
      UPDATE ${this.controls}
         SET value = ${value}, reason = ${reason}, set_by = ${by}, ${this.until} = ${this.timeIn(endsIn)}${since}
       WHERE ${this.isControl(kind, target)}${hasValue}`;
  }

  remove(kind: ControlKind, targets: readonly string[]): Statement {
    return this.notation.sql`
      DELETE FROM ${this.controls} WHERE kind = ${kind} AND ${this.notation.amongNames('target', targets)}`;
  }

  removeEnded(kind: ControlKind, target: string, value: string): Statement {
    return this.notation.sql`
      DELETE FROM ${this.controls}
       WHERE ${this.isControl(kind, target)} AND value = ${value} AND ${this.until} <= ${this.notation.now}`;
  }

  now(): Statement {
    return this.notation.sql`SELECT ${this.notation.epochOf(this.notation.now)} AS "now"`;
  }

  elapse(milliseconds: number): Statement {
    const passed = this.notation.duration(milliseconds);
    return this.notation
      .sql`UPDATE ${this.controls} SET since = since - ${passed}, ${this.until} = ${this.until} - ${passed}`;
  }

  private isControl(kind: ControlKind, target: string): Fragment {
    return fragment`kind = ${kind} AND ${this.notation.amongNames('target', [target])}`;
  }

  private timeIn(milliseconds: number | null): Fragment {
    if (milliseconds === null) return fragment`NULL`;
    return fragment`${this.notation.now} + ${this.notation.duration(Math.round(milliseconds))}`;
  }

  /** The columns of a `ControlRow`. */
  private get columns(): Fragment {
    const [since, until] = [new RawSql('since'), this.until].map((column) => this.notation.epochOf(column));
    return fragment`kind, target, value, reason, set_by AS "doneBy", ${since} AS "since", ${until} AS "until",
                    ${this.notation.epochOf(this.notation.now)} AS "now"`;
  }
}
