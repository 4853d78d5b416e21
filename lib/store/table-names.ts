import { refuseUnknown } from '../core/options.js';
import { InvalidOptionError } from '../errors/index.js';

/**
 * Where the library keeps its tables.
 *
 * @publicApi
 */
export interface TableOptions {
  /**
   * The schema (PostgreSQL) or database (MySQL, MariaDB); created with the tables on PostgreSQL.
   *
   * @default the schema of the DataSource, else the current one; SQLite has none and ignores it
   */
  readonly schema?: string;
  /**
   * What the names of all tables start with.
   *
   * @default 'stepping_'
   */
  readonly prefix?: string;
}

/** The bare names of the library's tables, made of validated options only. */
export interface TableNames {
  readonly prefix: string;
  readonly schema: string | undefined;
  readonly jobs: string;
  readonly barrier: string;
  readonly processes: string;
  readonly stats: string;
  readonly controls: string;
  readonly audit: string;
  readonly inbox: string;
  readonly migrations: string;
  readonly dueIndex: string;
  readonly failedIndex: string;
  readonly auditIndex: string;
  readonly inboxIndex: string;
  readonly barrierKey: string;
}

/** The tables as they are written in SQL: qualified and quoted. */
export interface QualifiedTables {
  readonly jobs: string;
  readonly barrier: string;
  /** The processes that are alive, or were lately. */
  readonly processes: string;
  /** What processes have counted. */
  readonly stats: string;
  /** What steers all processes: paused steps. */
  readonly controls: string;
  /** What was done by hand. */
  readonly audit: string;
  /** The messages that were received. */
  readonly inbox: string;
  readonly migrations: string;
}

export const DEFAULT_TABLE_PREFIX = 'stepping_';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** PostgreSQL cuts longer names without a word. */
const MAX_IDENTIFIER_LENGTH = 63;
/** Leaves room for the longest name that starts with it, an index of the migrations table. */
const MAX_PREFIX_LENGTH = 40;

/** Checks the options and derives the names; throws `InvalidOptionError` for what is no identifier. */
export function resolveTableNames(options: TableOptions = {}): TableNames {
  refuseUnknown(options, 'tables', ['schema', 'prefix']);
  const { schema, prefix = DEFAULT_TABLE_PREFIX } = options;
  // Without a prefix the barrier table can be the one that DTM's other clients share.
  if (prefix !== '') checkIdentifier('tables.prefix', prefix, MAX_PREFIX_LENGTH);
  if (schema !== undefined) checkIdentifier('tables.schema', schema, MAX_IDENTIFIER_LENGTH);
  return {
    prefix,
    schema,
    jobs: `${prefix}jobs`,
    barrier: `${prefix}barrier`,
    processes: `${prefix}processes`,
    stats: `${prefix}stats`,
    controls: `${prefix}controls`,
    audit: `${prefix}audit`,
    inbox: `${prefix}inbox`,
    migrations: `${prefix}migrations`,
    dueIndex: `${prefix}jobs_due_at`,
    failedIndex: `${prefix}jobs_failed`,
    auditIndex: `${prefix}audit_gid`,
    inboxIndex: `${prefix}inbox_received_at`,
    // DTM's clients name this constraint in their SQL. On PostgreSQL it must be unique in its schema, so only the
    // default table, and the one that they share, can carry it.
    barrierKey: prefix === DEFAULT_TABLE_PREFIX || prefix === '' ? 'uniq_barrier' : `${prefix}uniq_barrier`,
  };
}

/** The tables of a store of jobs, by their bare names; that of the migrations records them. */
export function tablesOf({ jobs, barrier, processes, stats, controls, audit, inbox }: TableNames): string[] {
  return [jobs, barrier, processes, stats, controls, audit, inbox];
}

/** The tables in `schema`, which is quoted already. */
export function qualifyTables(schema: string, quote: '"' | '`', names: TableNames): QualifiedTables {
  const qualified = (table: string): string => `${schema}.${quote}${table}${quote}`;
  return {
    jobs: qualified(names.jobs),
    barrier: qualified(names.barrier),
    processes: qualified(names.processes),
    stats: qualified(names.stats),
    controls: qualified(names.controls),
    audit: qualified(names.audit),
    inbox: qualified(names.inbox),
    migrations: qualified(names.migrations),
  };
}

function checkIdentifier(option: string, value: unknown, maxLength: number): void {
  if (typeof value !== 'string' || value.length > maxLength || !IDENTIFIER.test(value)) {
    throw new InvalidOptionError(
      option,
      value,
      `an SQL identifier of 1 to ${maxLength} letters, digits and _`,
    );
  }
}
