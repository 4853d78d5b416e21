import mysql from 'mysql2';
import pg from 'pg';
import { findsJobs, kindOf, oneLine, type Kind } from './kinds.ts';

/** What was sent between two points in time. */
export interface Counted {
  /** With what opens and closes their transactions. */
  readonly statements: Partial<Record<Kind, number>>;
  readonly claims: number;
  readonly emptyClaims: number;
  /** Serialization failures, deadlocks and lock time-outs that the server has answered. */
  readonly conflicts: number;
  readonly otherErrors: number;
  /** Texts of kind `others`: there should be none. */
  readonly others: readonly string[];
}

const CONFLICTS = new Set(['40001', '40P01', 'ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT']);

type Query = (this: object, ...args: unknown[]) => unknown;

/** Counts what this process sends through `pg` and `mysql2`, whoever sends it. */
export class StatementCounter {
  private counts = new Map<Kind, number>();
  private claims = 0;
  private emptyClaims = 0;
  private conflicts = 0;
  private otherErrors = 0;
  private others = new Set<string>();
  /** By connection: the kind of its transaction, and what has opened it and is not counted yet. */
  private readonly open = new WeakMap<object, { kind: Kind | undefined; brackets: number }>();

  constructor() {
    this.watch(pg.Client.prototype as unknown as { query: Query });
    const { prototype } = (mysql as unknown as { Connection: { prototype: object } }).Connection;
    this.watch(Object.getPrototypeOf(prototype) as { query: Query });
  }

  /** What was counted since the last call. */
  take(): Counted {
    const { claims, emptyClaims, conflicts, otherErrors } = this;
    const others = [...this.others];
    const statements = Object.fromEntries(this.counts);
    this.counts = new Map();
    this.others = new Set();
    this.claims = this.emptyClaims = this.conflicts = this.otherErrors = 0;
    return { statements, claims, emptyClaims, conflicts, otherErrors, others };
  }

  private watch(client: { query: Query }): void {
    const send = client.query;
    const seen = (connection: object, text: string): boolean => this.seen(connection, text);
    const answered = (isClaim: boolean, error: unknown, result: unknown): void =>
      this.answered(isClaim, error, result);
    client.query = function (this: object, ...args: unknown[]): unknown {
      const [first] = args as [string | { text?: string; sql?: string; callback?: unknown }];
      const text = typeof first === 'string' ? first : (first.text ?? first.sql ?? '');
      const isClaim = seen(this, text);
      const last = args.length - 1;
      const callback = args[last];
      if (typeof callback === 'function') {
        args[last] = (error: unknown, result: unknown, ...rest: unknown[]): unknown => {
          answered(isClaim, error, result);
          return callback(error, result, ...rest) as unknown;
        };
      }
      return send.apply(this, args);
    };
  }

  /** Whether it is a claim. The library sends some statements together. */
  private seen(connection: object, text: string): boolean {
    let isClaim = false;
    for (const sql of text.split(';\n').map(oneLine)) {
      const transaction = this.open.get(connection) ?? { kind: undefined, brackets: 0 };
      this.open.set(connection, transaction);
      const kind = kindOf(sql);
      if (kind === undefined) {
        if (transaction.kind === undefined) transaction.brackets += 1;
        else this.count(transaction.kind, 1);
        if (/^(COMMIT|ROLLBACK)/.test(sql)) this.open.delete(connection);
        continue;
      }
      if (kind === 'others') this.others.add(sql.slice(0, 160));
      this.count(transaction.kind ?? kind, 1 + transaction.brackets);
      if (transaction.brackets > 0) transaction.kind = kind;
      transaction.brackets = 0;
      isClaim ||= findsJobs(sql);
    }
    return isClaim;
  }

  private answered(isClaim: boolean, error: unknown, result: unknown): void {
    if (error) {
      if (CONFLICTS.has(String((error as { code?: unknown }).code))) this.conflicts += 1;
      else this.otherErrors += 1;
    }
    if (!isClaim) return;
    this.claims += 1;
    const rows = Array.isArray(result) ? result : ((result as { rows?: unknown[] } | undefined)?.rows ?? []);
    if (rows.length === 0) this.emptyClaims += 1;
  }

  private count(kind: Kind, more: number): void {
    this.counts.set(kind, more + (this.counts.get(kind) ?? 0));
  }
}

export function sumOf(all: readonly Counted[]): Counted {
  const statements: Partial<Record<Kind, number>> = {};
  for (const counted of all)
    for (const [kind, count] of Object.entries(counted.statements) as [Kind, number][])
      statements[kind] = count + (statements[kind] ?? 0);
  const sum = (name: 'claims' | 'emptyClaims' | 'conflicts' | 'otherErrors') =>
    all.reduce((total, counted) => total + counted[name], 0);
  return {
    statements,
    claims: sum('claims'),
    emptyClaims: sum('emptyClaims'),
    conflicts: sum('conflicts'),
    otherErrors: sum('otherErrors'),
    others: [...new Set(all.flatMap(({ others }) => others))],
  };
}
