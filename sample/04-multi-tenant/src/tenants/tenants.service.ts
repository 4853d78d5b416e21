import { BadRequestException, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { TenantDatabases } from './tenant-databases.js';
import { Tenant } from './tenant.entity.js';

@Injectable()
export class TenantsService {
  constructor(
    private readonly central: DataSource,
    private readonly databases: TenantDatabases,
  ) {}

  /** Adds a tenant while the platform runs. No configuration lists it. */
  async create(name: string): Promise<void> {
    if (!/^[a-z][a-z0-9]{1,29}$/.test(name)) throw new BadRequestException(`${name} cannot name a tenant`);
    // The database is created first, so that every known tenant has one.
    await this.databases.create(name);
    await this.central.transaction((manager) => manager.insert(Tenant, { name }));
  }
}
