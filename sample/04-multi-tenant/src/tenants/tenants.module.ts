import { Module } from '@nestjs/common';
import { TenantDatabases } from './tenant-databases.js';
import { TenantsService } from './tenants.service.js';

@Module({ providers: [TenantDatabases, TenantsService], exports: [TenantDatabases, TenantsService] })
export class TenantsModule {}
