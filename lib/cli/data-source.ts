import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { within } from '../core/within.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import { errorText, propertyOf } from '../errors/error-text.js';
import { FILE_TYPE, typeOfScheme } from '../store/databases.js';
import { isDataSource } from '../transactions/data-source.registry.js';
import { ConnectionError, UsageError } from './program.errors.js';
import type { Secrets } from './secrets.js';

/** A `DataSource` that is not connected yet. */
export interface ClosedDataSource extends DataSourceLike {
  initialize(): Promise<unknown>;
  destroy(): Promise<void>;
}

type DataSourceClass = new (options: Record<string, unknown>) => ClosedDataSource;

/** How long a file may take to load. */
const LOAD_MS = 30_000;
const CONNECT_MS = 10_000;

const POSTGRES_URL = /^postgres(?:ql)?:/i;
/** What pg knows behind `ssl=` in a URL. */
const SSL_WORDS: readonly string[] = ['', '0', '1', 'true', 'no-verify'];

/**
 * What a connection of the program never does, whatever the file says: change tables, call the application's code, open a cache, and log
 * statements with their values.
 */
const HARMLESS = {
  synchronize: false,
  migrationsRun: false,
  dropSchema: false,
  entities: [],
  subscribers: [],
  migrations: [],
  cache: false,
  logging: false,
};

/** Where the database is. */
export interface Place {
  readonly url?: string | undefined;
  /** A file that exports a TypeORM `DataSource`. */
  readonly file?: string | undefined;
}

/**
 * The `DataSource` of a place, not connected.
 *
 * @throws UsageError, ConnectionError.
 */
export async function dataSourceOf({ url, file }: Place, secrets: Secrets): Promise<ClosedDataSource> {
  if (url !== undefined && file !== undefined) throw new UsageError('Give --url or --dataSource, not both.');
  if (file !== undefined) return ofFile(file, secrets);
  if (url !== undefined) return ofUrl(url, secrets);
  throw new UsageError(
    'Where is the database? Give --url (or set STEPPING_URL), or --dataSource with the file of a TypeORM DataSource.',
  );
}

async function ofUrl(url: string, secrets: Secrets): Promise<ClosedDataSource> {
  secrets.addUrl(url);
  const DataSource = await typeorm();
  const scheme = /^([a-z][a-z0-9+.-]+:)/i.exec(url)?.[1]?.toLowerCase();
  const type = scheme === undefined ? undefined : typeOfScheme(scheme);
  if (type === undefined) return make(DataSource, fileOptions(url, scheme));
  if (!URL.canParse(url)) throw new UsageError(`--url is no URL: ${url}`);
  if (POSTGRES_URL.test(url)) checkSsl(new URL(url));
  const timeouts = { connectTimeoutMS: CONNECT_MS, connectTimeout: CONNECT_MS };
  return make(DataSource, { type, url, poolSize: 4, ...timeouts });
}

/** With another word, pg asks for TLS and then fails where nobody can catch it. Some parameters of libpq count instead of `ssl`. */
function checkSsl({ searchParams }: URL): void {
  const word = searchParams.getAll('ssl').at(-1) ?? '';
  const others = ['sslmode', 'sslcert', 'sslkey', 'sslrootcert'];
  if (SSL_WORDS.includes(word) || others.some((name) => searchParams.get(name))) return;
  throw new UsageError(
    `--url has ssl=${word}, which pg does not know. Write sslmode=require, sslmode=verify-full or sslmode=disable instead.`,
  );
}

function fileOptions(url: string, scheme: string | undefined): Record<string, unknown> {
  const known = scheme === undefined || scheme === 'sqlite:' || scheme === 'file:';
  // One letter is a drive of Windows.
  if (!known && /^[a-z][a-z0-9+.-]+:\/\//i.test(url))
    throw new UsageError(
      `--url has a scheme that is not known: ${scheme}// Use postgres://, mysql://, mariadb:// or the path of an SQLite file.`,
    );
  const path = url.startsWith('file://')
    ? fileURLToPath(url)
    : url.replace(/^(?:sqlite|file):(?:\/\/)?/i, '');
  const database = resolve(path);
  // Opening it would create it.
  if (!existsSync(database)) throw new ConnectionError(`There is no file ${database}.`);
  return { type: FILE_TYPE, database };
}

async function ofFile(file: string, secrets: Secrets): Promise<ClosedDataSource> {
  const path = resolve(file);
  if (!existsSync(path)) throw new ConnectionError(`There is no file ${path}.`);
  const loaded = await load(path);
  const exported = await exportedSources(loaded);
  const [source, ...others] = new Set(exported);
  if (!source || others.length > 0)
    throw new ConnectionError(
      `${path} must export one TypeORM DataSource; it exports ${exported.length === 0 ? 'none' : 'several'}.`,
    );
  if (source.isInitialized)
    throw new ConnectionError(
      `${path} connects its DataSource by itself, so that 'synchronize' and the like cannot be turned off. Export it without initialize().`,
    );
  const { options } = source;
  for (const part of [options, options['extra'], ...masters(options)]) {
    secrets.add(propertyOf(part, 'password'));
    secrets.addUrl(propertyOf(part, 'url'));
    secrets.addUrl(propertyOf(part, 'connectionString'));
  }
  return make(source.constructor as DataSourceClass, options);
}

function masters(options: DataSourceLike['options']): unknown[] {
  const { master, slaves } = (options['replication'] ?? {}) as { master?: unknown; slaves?: unknown[] };
  return [master, ...(slaves ?? [])];
}

async function load(path: string): Promise<unknown> {
  try {
    const loading = import(pathToFileURL(path).href).then((module: unknown) => ({ module }));
    const loaded = await within(LOAD_MS, loading);
    if (loaded) return loaded.module;
  } catch (error) {
    const hint = path.endsWith('.ts')
      ? ' Compile it, or start Node with a loader for TypeScript, such as NODE_OPTIONS="--import tsx".'
      : '';
    throw new ConnectionError(`${path} cannot be loaded: ${errorText(error)}.${hint}`, { cause: error });
  }
  throw new ConnectionError(`${path} has not loaded within ${LOAD_MS / 1000} s.`);
}

/** Also of a CommonJS module, and of one that exports a promise. */
async function exportedSources(module: unknown): Promise<ClosedDataSource[]> {
  const values = Object.values(module as object) as unknown[];
  const inner = values.flatMap((value) => (isPlainObject(value) ? Object.values(value) : [])) as unknown[];
  const settled = await within(LOAD_MS, Promise.all([...values, ...inner]));
  return (settled ?? []).filter(isDataSource) as ClosedDataSource[];
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isDataSource(value);
}

function make(DataSource: DataSourceClass, options: object): ClosedDataSource {
  try {
    return new DataSource({ ...options, ...HARMLESS });
  } catch (error) {
    throw new ConnectionError(errorText(error), { cause: error });
  }
}

async function typeorm(): Promise<DataSourceClass> {
  try {
    const { DataSource } = await import('typeorm');
    return DataSource as unknown as DataSourceClass;
  } catch (error) {
    throw new ConnectionError(
      `The program needs the package 'typeorm': npm install typeorm. It cannot be loaded: ${errorText(error)}`,
      { cause: error },
    );
  }
}
