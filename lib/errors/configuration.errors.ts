import { type ErrorCause, describeList, describeValue, keepUnseen, SteppingError } from './stepping.error.js';

/**
 * An option, of the module, a step or a job, has a value that cannot be used.
 *
 * @publicApi
 */
export class InvalidOptionError extends SteppingError {
  /** The value that was given. It may hold secrets, so that it is not printed with the error. */
  declare readonly value: unknown;

  constructor(
    /** Where the option stands, such as `retry.maxDelay`. */
    readonly option: string,
    value: unknown,
    /** What the option takes. */
    readonly expected: string,
    message = `Invalid option '${option}': expected ${expected}, got ${describeValue(value)}.`,
  ) {
    super('InvalidOptionError', message);
    keepUnseen(this, 'value', value);
  }

  /** @internal The value that was given is not shown, since it may be a secret; that nothing was given is told. */
  static hidden(option: string, given: unknown, expected: string): InvalidOptionError {
    const got = given === undefined ? 'undefined' : 'a value that is not shown';
    const message = `Invalid option '${option}': expected ${expected}, got ${got}.`;
    return new InvalidOptionError(option, undefined, expected, message);
  }

  /** @internal There is no option of this name. */
  static unknown(option: string, names: readonly string[]): InvalidOptionError {
    const expected = `one of ${names.join(', ')}`;
    return new InvalidOptionError(
      option,
      undefined,
      expected,
      `Unknown option '${option}': use ${expected}.`,
    );
  }
}

/**
 * The application imports a module of the library more than once. Each import of SteppingModule would keep, find and run the same jobs.
 *
 * @publicApi
 */
export class ModuleImportedTwiceError extends SteppingError {
  constructor(
    /** The modules in whose decorators it stands. */
    readonly importedBy: readonly string[],
    /** The module that is imported. */
    readonly module: 'SteppingModule' | 'SteppingDashboardModule' | 'SteppingEventsModule' = 'SteppingModule',
  ) {
    super(
      'ModuleImportedTwiceError',
      `${module} is imported more than once (found in: ${describeList(importedBy)}). Call forRoot() or forRootAsync() in ` +
        'one module only, such as the root module' +
        (module === 'SteppingDashboardModule'
          ? '.'
          : '; it is global, so that all others can inject what it exports.'),
    );
  }
}

/**
 * No DataSource of the application has the name that was asked for.
 *
 * @publicApi
 */
export class DataSourceNotFoundError extends SteppingError {
  /** The name asked for; `undefined` stands for the default DataSource. */
  declare readonly dataSource: string | undefined;

  constructor(
    dataSource: string | undefined,
    /** The names of those that were found. */
    readonly known: readonly string[],
  ) {
    super(
      'DataSourceNotFoundError',
      `The application has no ${dataSource === undefined ? 'default DataSource' : `DataSource named '${dataSource}'`} ` +
        `(found: ${describeList(known)}). Provide it, for example with TypeOrmModule.forRoot(), ` +
        `or name one that exists in the 'dataSource' option.`,
    );
    keepUnseen(this, 'dataSource', dataSource);
  }
}

/**
 * The application has several DataSources and none of them is the default one.
 *
 * @publicApi
 */
export class AmbiguousDataSourceError extends SteppingError {
  constructor(
    /** The names of those that were found. */
    readonly known: readonly string[],
    /** What is to be kept in one of them. */
    readonly keeps: 'jobs' | 'inbox' = 'jobs',
  ) {
    const option = `{ dataSource: '${known[0] ?? 'name'}' }`;
    super(
      'AmbiguousDataSourceError',
      `The application has several DataSources and no default one: ${describeList(known)}. Say which of them keeps the ` +
        (keeps === 'jobs' ? `jobs: selfTm(${option}).` : `inbox: SteppingEventsModule.forRoot(${option}).`),
    );
  }
}

/**
 * `NODE_ENV` is `production` and jobs would be kept in memory, which nobody asked for.
 *
 * @publicApi
 */
export class MemoryStoreInProductionError extends SteppingError {
  constructor() {
    super(
      'MemoryStoreInProductionError',
      'No DataSource was found, so that jobs would be kept in memory and be lost with this process. ' +
        "Provide a TypeORM DataSource, or ask for the memory store with selfTm({ store: 'memory' }).",
    );
  }
}

/**
 * The type or the version of a database is not supported.
 *
 * @publicApi
 */
export class UnsupportedDatabaseError extends SteppingError {
  constructor(
    /** The database that was found. */
    readonly what: string,
    /** What is supported instead. */
    readonly supported: string,
  ) {
    super('UnsupportedDatabaseError', `${what} is not supported. Use one of: ${supported}.`);
  }
}

/**
 * Tables of the library are missing or old, and `autoMigrate` is off.
 *
 * @publicApi
 */
export class SchemaOutdatedError extends SteppingError {
  constructor(/** The tables or migrations that are missing. */ readonly missing: readonly string[]) {
    super(
      'SchemaOutdatedError',
      `The database lacks ${describeList(missing)}. Add steppingMigrations({ schema, prefix }) to the ` +
        `'migrations' of the DataSource and run them, or turn 'autoMigrate' on.`,
    );
  }
}

/**
 * Tables of the library have vanished while the application is running. Nothing was started.
 *
 * @publicApi
 */
export class TablesMissingError extends SteppingError {
  constructor(
    /** The tables that are missing. */
    readonly missing: readonly string[],
    options?: ErrorCause,
  ) {
    super(
      'TablesMissingError',
      `The database lacks ${describeList(missing)}: dropped while the application was running, and what was in them. With ` +
        "'autoMigrate' the next job that is started, or message that is received, creates the tables; otherwise run the migrations.",
      options,
    );
  }
}
