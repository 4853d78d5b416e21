import { Injectable, NotFoundException, type OnApplicationShutdown } from '@nestjs/common';
import type { DatabaseLookup } from 'nestjs-stepping';
import { DataSource } from 'typeorm';
import { PlatformConfig, tenantDatabaseIn } from '../config/platform.config.js';
import { suddenDeath } from '../demo/sudden-death.js';
import { TenantDatabase } from './tenant-database.js';
import { Tenant } from './tenant.entity.js';

/** The databases of the tenants. Each is opened on first use. */
@Injectable()
export class TenantDatabases implements OnApplicationShutdown {
  private readonly opened = new Map<string, Promise<TenantDatabase>>();

  constructor(
    private readonly central: DataSource,
    private readonly config: PlatformConfig,
  ) {}

  /** @throws NotFoundException if the central database does not know the tenant. */
  async of(tenant: string): Promise<TenantDatabase> {
    if (!(await this.central.manager.existsBy(Tenant, { name: tenant }))) {
      throw new NotFoundException(`There is no tenant ${tenant}`);
    }
    let database = this.opened.get(tenant);
    if (!database) {
      database = this.open(tenant, false);
      this.opened.set(tenant, database);
      // An unreachable database is tried again.
      database.catch(() => this.opened.delete(tenant));
    }
    return database;
  }

  /** The database of a stored job, for `dataSourceResolver`. Without a tenant it is the central one. */
  async find({ tenant }: DatabaseLookup): Promise<DataSource | undefined> {
    if (tenant === undefined) return undefined;
    return (await this.of(tenant)).dataSource;
  }

  /** Creates a tenant's file and tables. */
  async create(tenant: string): Promise<void> {
    await (await this.open(tenant, true)).close();
  }

  async onApplicationShutdown(): Promise<void> {
    for (const database of this.opened.values()) await (await database).close();
  }

  private open(tenant: string, create: boolean): Promise<TenantDatabase> {
    const { dataFolder, dieAt } = this.config;
    return TenantDatabase.open({
      file: tenantDatabaseIn(dataFolder, tenant),
      create,
      ...(dieAt && { prepareDatabase: suddenDeath(dieAt) }),
    });
  }
}
