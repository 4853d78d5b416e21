import type { ModuleMetadata, Type } from '@nestjs/common';
import type { JobInfo } from './core/jobs/job-info.js';
import { InvalidOptionError } from './errors/index.js';
import { readHttpOptions, type HttpOptions, type ResolvedHttpOptions } from './core/http/http-options.js';
import { brakeOption, type BrakeOptions } from './core/operations/brake-options.js';
import { booleanOption, checkedOption, functionOption, readOptions, type OptionsOf } from './core/options.js';
import type { PayloadCodec } from './core/payloads/payload-codec.js';
import { resolveRetryPolicy, type RetryPolicy } from './core/steps/retry-policy.js';
import type { TransactionManagerStrategy } from './core/transaction-manager.js';
import { resolveTableNames, type TableOptions } from './store/table-names.js';
import type { DataSourceResolver } from './transactions/data-source.registry.js';

/**
 * Settings of the module that may come from an async factory.
 *
 * @publicApi
 */
export interface SteppingOptions {
  /**
   * Creates and upgrades the tables before any lifecycle hook of the application runs. `false`: an error
   * names what is missing, and `steppingMigrations()` gives the migrations. Default: `true`.
   */
  readonly autoMigrate?: boolean;
  /** Where the tables are. Default: the `DataSource`'s schema, names that start with `stepping_`. */
  readonly tables?: TableOptions;
  /**
   * How failed attempts are repeated, unless the step says otherwise. Default: after 1 s, 2 s, 4 s and so on
   * up to 10 minutes, each with full jitter, without end.
   */
  readonly retry?: RetryPolicy;
  /**
   * What it means to start a job outside any transaction, or in one that cannot be seen, without saying
   * `transaction: 'none'`: `true` an error, `'warn'` one warning per process, `false` nothing. Default: `true`; `false`
   * where jobs are kept in memory.
   */
  readonly requireTransaction?: boolean | 'warn';
  /**
   * How the database of a transaction is found again after a crash, in applications with many. Default: by
   * name among the application's `DataSource`s.
   */
  readonly dataSourceResolver?: DataSourceResolver;
  /**
   * What is done when most attempts of a step fail, over all processes; see `BrakeOptions`. `false` turns it off. Only the self-TM has a
   * brake. Default: `{ action: 'warn' }`.
   */
  readonly brake?: BrakeOptions | false;
  /** Called once when a job has failed for good, with the job and the error of its last attempt. */
  readonly onJobFailed?: (job: JobInfo, error: unknown) => unknown;
  /**
   * As in Nest's `ValidationPipe`, for the arguments of every step with a class of arguments: properties that class-validator knows no
   * decorator for are removed. `@Step()` may say otherwise. A class without decorators is refused at start-up. Default: `false`.
   */
  readonly whitelist?: boolean;
  /** As in Nest's `ValidationPipe`: such properties are refused instead. It implies `whitelist`. Default: `false`. */
  readonly forbidNonWhitelisted?: boolean;
  /**
   * Whether TypeORM's logger is told the statements of the library, if the `DataSource` has `logging` on. Their parameters hold
   * the arguments of steps. Default: `true`.
   */
  readonly logStatements?: boolean;
  /** Where the requests of `HttpRequestStep` may go, and how they are sent. */
  readonly http?: HttpOptions;
  /**
   * Encodes what is stored of arguments and errors, also on its way through DTM: `aesGcmCodec()`, or one of your own. With it, logs hold
   * no texts of your errors. Default: none, they are stored as they are.
   */
  readonly codec?: PayloadCodec;
}

/**
 * Settings of `SteppingModule.forRoot()`.
 *
 * @publicApi
 */
export interface SteppingModuleOptions extends SteppingOptions {
  /** Who keeps the jobs and sees them through. Default: `selfTm()`. */
  readonly transactionManager?: TransactionManagerStrategy;
  /** Whether every module can inject what this one exports. Default: `true`. */
  readonly isGlobal?: boolean;
}

/**
 * Makes the options of `forRootAsync({ useClass })`.
 *
 * @publicApi
 */
export interface SteppingOptionsFactory {
  /** The options; called once, while the application starts. */
  createSteppingOptions(): Promise<SteppingOptions> | SteppingOptions;
}

/**
 * Settings of `SteppingModule.forRootAsync()`. The transaction manager stands beside the factory, since it
 * brings providers and controllers, which must be known before any factory runs.
 *
 * @publicApi
 */
export interface SteppingModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is called with. */
  readonly inject?: any[];
  /** Makes the options. */
  readonly useFactory?: (...args: any[]) => Promise<SteppingOptions> | SteppingOptions;
  /** A class that makes the options; it is instantiated for this. */
  readonly useClass?: Type<SteppingOptionsFactory>;
  /** A provider that makes the options; `imports` must bring it. */
  readonly useExisting?: Type<SteppingOptionsFactory>;
  /** Who keeps the jobs and sees them through. Default: `selfTm()`. */
  readonly transactionManager?: TransactionManagerStrategy;
  /** Whether every module can inject what this one exports. Default: `true`. */
  readonly isGlobal?: boolean;
}

const OPTIONS = {
  autoMigrate: booleanOption(true),
  tables: (tables: unknown = {}) => {
    resolveTableNames(tables as TableOptions);
    return tables as TableOptions;
  },
  retry: (retry: unknown, option: string) => resolveRetryPolicy(retry as RetryPolicy | undefined, option),
  requireTransaction: checkedOption<boolean | 'warn'>(
    (value) => typeof value === 'boolean' || value === 'warn',
    "true, false or 'warn'",
  ),
  dataSourceResolver: functionOption<DataSourceResolver>(),
  brake: (brake: unknown, option: string) => brakeOption(brake, option),
  onJobFailed: functionOption<(job: JobInfo, error: unknown) => unknown>(),
  whitelist: booleanOption(false),
  forbidNonWhitelisted: booleanOption(false),
  logStatements: booleanOption(true),
  http: (http: unknown, option: string): ResolvedHttpOptions => readHttpOptions(http, option),
  codec: codecOption,
  transactionManager: besideTheFactory,
  isGlobal: besideTheFactory,
};

function codecOption(value: unknown, option: string): PayloadCodec | undefined {
  if (value === undefined || isCodec(value)) return value;
  const expected = 'an object with the functions encode and decode';
  // A text there is a key.
  throw typeof value === 'string'
    ? InvalidOptionError.hidden(option, value, expected)
    : new InvalidOptionError(option, value, expected);
}

function isCodec(value: unknown): value is PayloadCodec {
  const { encode, decode, load } = (value ?? {}) as Partial<PayloadCodec>;
  return (
    typeof encode === 'function' &&
    typeof decode === 'function' &&
    (load === undefined || typeof load === 'function')
  );
}

/** The module itself has read these two where they belong; what is left is what a factory returned. */
function besideTheFactory(value: unknown, option: string): undefined {
  if (value === undefined) return;
  throw new InvalidOptionError(
    option,
    value,
    `nothing from a factory: it stands beside it, as in forRootAsync({ ${option}, useFactory })`,
  );
}

/** The module's settings as the library uses them: complete and checked. */
export type ResolvedSteppingOptions = OptionsOf<typeof OPTIONS>;

/** @throws InvalidOptionError for an unknown option, or a value that cannot be used. */
export function resolveSteppingOptions(options: SteppingOptions = {}): ResolvedSteppingOptions {
  return readOptions(options, '', OPTIONS);
}
