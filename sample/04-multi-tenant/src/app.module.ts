import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { ConfigModule } from './config/config.module.js';
import { centralDatabaseIn, PlatformConfig } from './config/platform.config.js';
import { InvoicesModule } from './invoices/invoices.module.js';
import { TenantDatabases } from './tenants/tenant-databases.js';
import { Tenant } from './tenants/tenant.entity.js';
import { TenantsModule } from './tenants/tenants.module.js';

@Module({
  imports: [
    ConfigModule,
    // The central database: who the tenants are, and the jobs of all of them.
    TypeOrmModule.forRootAsync({
      inject: [PlatformConfig],
      useFactory: ({ dataFolder }: PlatformConfig) => ({
        type: 'better-sqlite3',
        database: centralDatabaseIn(dataFolder),
        enableWAL: true,
        timeout: 100,
        entities: [Tenant],
        // Only for a sample. An application uses migrations.
        synchronize: true,
      }),
    }),
    SteppingModule.forRootAsync({
      imports: [TenantsModule],
      inject: [TenantDatabases],
      useFactory: (databases: TenantDatabases) => ({
        dataSourceResolver: (lookup) => databases.find(lookup),
      }),
      transactionManager: selfTm({
        inject: [PlatformConfig],
        // Use the default of 10 s in a real service. 5 s makes the demonstration quick.
        useFactory: ({ runSteps }: PlatformConfig) => ({ queryPreparedAfter: '5s', runSteps }),
      }),
    }),
    TenantsModule,
    InvoicesModule,
  ],
})
export class AppModule {}
