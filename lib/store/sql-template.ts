import type { Statement } from './connections/internal.connection.js';

/** Text that is part of a statement as it is: a table, a list of columns. */
export class RawSql {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** A part of a statement, with parameters of its own. */
export class Fragment {
  constructor(
    readonly parts: readonly string[],
    readonly values: readonly unknown[],
  ) {}
}

export function fragment(parts: TemplateStringsArray, ...values: readonly unknown[]): Fragment {
  return new Fragment(parts, values);
}

export type SqlTemplate = (parts: TemplateStringsArray, ...values: readonly unknown[]) => Statement;

/** A statement with parameters as PostgreSQL writes them. Every value becomes a parameter, unless it is `RawSql` or a `Fragment`. */
export const numberedSql = template((value, params) => `$${params.push(value)}`);

/** The same for the other databases. An array becomes the values of a list. */
export const questionMarkSql = template((value, params) => {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  params.push(...values);
  return placeholders(values);
});

/** The parameters of a list; for no values a NULL, which equals nothing. */
export function placeholders(values: readonly unknown[]): string {
  return values.length === 0 ? 'NULL' : values.map(() => '?').join(', ');
}

function template(add: (value: unknown, params: unknown[]) => string): SqlTemplate {
  return (parts, ...values) => {
    const params: unknown[] = [];
    const render = (value: unknown): string => {
      if (value instanceof RawSql) return value.toString();
      if (!(value instanceof Fragment)) return add(value, params);
      return String.raw({ raw: value.parts }, ...value.values.map(render));
    };
    return { sql: render(new Fragment(parts, values)), params };
  };
}
