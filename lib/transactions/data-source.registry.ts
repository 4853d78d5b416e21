import type { ModulesContainer } from '@nestjs/core';
import {
  isBarrierDatabase,
  type BarrierDatabase,
  type DatabaseLookup,
} from '../core/transactions/transaction-context.js';
import { AmbiguousDataSourceError, DataSourceNotFoundError } from '../errors/index.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';

/**
 * Finds a transaction's database again after a crash, in applications with a database per tenant: returns a
 * TypeORM `DataSource`, or a `BarrierDatabase` for transactions of another library; nothing for what is not
 * its own, which is then looked for by name among the application's. It should know the names that it accepts:
 * the lookup is what was stored with the job.
 *
 * @publicApi
 */
export type DataSourceResolver = (lookup: DatabaseLookup) => unknown;

const DEFAULT_NAME = 'default';

/** The TypeORM `DataSource`s of the application, by name. */
export class DataSourceRegistry {
  private readonly byName = new Map<string, DataSourceLike>();

  constructor(
    private readonly modules: Pick<ModulesContainer, 'values'>,
    private readonly resolver: DataSourceResolver | undefined,
  ) {}

  /** Of one `DataSource`, without an application. Nobody knows how the application names it, so no stored lookup finds it. */
  static ofOne(dataSource: DataSourceLike): DataSourceRegistry {
    const registry = new DataSourceRegistry(new Map(), undefined);
    registry.byName.set('', dataSource);
    return registry;
  }

  /**
   * Collects the `DataSource`s among the application's providers, whatever their token.
   *
   * @throws AmbiguousDataSourceError when two of them have one name.
   */
  discover(): void {
    const found = new Map<DataSourceLike, string>();
    for (const module of this.modules.values()) {
      for (const [token, wrapper] of module.providers) {
        const instance: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
        if (!isDataSource(instance) || (found.has(instance) && wrapper.isAlias)) continue;
        const name = nameOf(instance, token);
        if (!found.has(instance) || found.get(instance) === DEFAULT_NAME) found.set(instance, name);
      }
    }
    this.byName.clear();
    for (const [dataSource, name] of found) {
      if (this.byName.has(name)) throw new AmbiguousDataSourceError([...found.values()]);
      this.byName.set(name, dataSource);
    }
  }

  get all(): readonly DataSourceLike[] {
    return [...this.byName.values()];
  }

  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  /** The `DataSource` named default, or the only one. */
  get default(): DataSourceLike | undefined {
    return this.byName.size === 1 ? this.all[0] : this.byName.get(DEFAULT_NAME);
  }

  /**
   * The `DataSource` of that name; without one, the default: the one of that name, or the only one.
   *
   * @throws DataSourceNotFoundError, or AmbiguousDataSourceError when several have no default among them.
   */
  get(name?: string): DataSourceLike {
    const dataSource = name === undefined ? this.default : this.byName.get(name);
    if (dataSource) return dataSource;
    if (name === undefined && this.byName.size > 0) throw new AmbiguousDataSourceError(this.names);
    throw new DataSourceNotFoundError(name, this.names);
  }

  /**
   * How a `DataSource` is found again by another process.
   *
   * @throws DataSourceNotFoundError when it is none of the application's and there is no resolver.
   */
  lookupOf(dataSource: DataSourceLike): DatabaseLookup {
    const name = this.nameOf(dataSource);
    if (!this.resolver && this.byName.get(name) !== dataSource)
      throw new DataSourceNotFoundError(name, this.names);
    return { dataSource: name };
  }

  /** The name a `DataSource` goes by. */
  nameOf(dataSource: DataSourceLike): string {
    for (const [name, known] of this.byName) if (known === dataSource) return name;
    return nameOf(dataSource);
  }

  /**
   * The database of a stored lookup.
   *
   * @throws DataSourceNotFoundError when neither the resolver nor the application knows it.
   */
  async find(lookup: DatabaseLookup): Promise<DataSourceLike | BarrierDatabase> {
    const resolved: unknown = this.resolver ? await this.resolver(lookup) : undefined;
    if (isDataSource(resolved) || isBarrierDatabase(resolved)) return resolved;
    const known = this.byName.get(lookup.dataSource);
    if (!known) throw new DataSourceNotFoundError(lookup.dataSource, this.names);
    return known;
  }
}

/** Recognised by shape, since TypeORM may be absent, or present twice. */
export function isDataSource(value: unknown): value is DataSourceLike {
  const candidate = value as Partial<DataSourceLike> | null | undefined;
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    // The proxies of nestjs-cls throw when a property of something that is not there yet is read.
    'createQueryRunner' in candidate &&
    typeof candidate.createQueryRunner === 'function' &&
    typeof candidate.createEntityManager === 'function' &&
    typeof candidate.options?.type === 'string' &&
    typeof candidate.manager === 'object'
  );
}

/** Whether a token is one of `@nestjs/typeorm`, or TypeORM's class itself. */
export function isDataSourceToken(
  token: unknown,
): token is string | (abstract new (...args: any[]) => unknown) {
  if (typeof token === 'string') return token.endsWith('DataSource');
  const prototype = typeof token === 'function' ? (token.prototype as Partial<DataSourceLike>) : undefined;
  return (
    typeof prototype?.createQueryRunner === 'function' && typeof prototype.createEntityManager === 'function'
  );
}

function nameOf(dataSource: DataSourceLike, token?: unknown): string {
  const own = dataSource.options.name ?? (dataSource as { name?: string }).name;
  if (own !== undefined && own !== DEFAULT_NAME) return own;
  if (typeof token === 'string') return token;
  if (typeof token === 'symbol' && token.description) return token.description;
  return DEFAULT_NAME;
}
