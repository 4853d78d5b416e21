/**
 * An application whose jobs are at a DTM server, in a process of its own that is to be killed: it starts jobs when
 * the test tells it to, and another process runs their steps. `WORKER` holds its settings as JSON.
 */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedJobFactory, SteppingModule, tenantTransaction } from 'nestjs-stepping';
import { dtm, type DtmOptions } from 'nestjs-stepping/dtm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { codecOption } from '../support/codec.js';
import { Effect, Order } from '../support/order.entity.js';
import { installFaults, type Fault } from './support/faults.js';
import { ReserveStock, SendEmail, stepClasses } from './support/steps.js';
import { tell } from './support/tell.js';

interface DtmWorkerSettings {
  readonly dtm: DtmOptions;
  readonly faults: readonly Fault[];
  /** The databases by name; the first one carries jobs that name no tenant. */
  readonly databases: readonly DataSourceOptions[];
  /** Which of the databases a tenant has. */
  readonly tenants: Readonly<Record<string, number>>;
}

interface StartCommand {
  readonly gid: string;
  readonly tenant?: string;
}

const settings = JSON.parse(process.env.WORKER!) as DtmWorkerSettings;
installFaults(settings.faults);
const databases = await Promise.all(
  settings.databases.map((options) => {
    const dataSource = new DataSource({ ...options, entities: [Order, Effect] } as DataSourceOptions);
    return dataSource.initialize();
  }),
);
const ofTenant = (tenant: string): DataSource => databases[settings.tenants[tenant]!]!;

@Module({
  imports: [
    SteppingModule.forRoot({
      ...codecOption(),
      transactionManager: dtm(settings.dtm),
      dataSourceResolver: ({ tenant }) => (tenant === undefined ? undefined : ofTenant(tenant)),
    }),
  ],
  providers: [{ provide: DataSource, useValue: databases[0] }, ...stepClasses],
})
class DtmWorkerModule {}

// It serves no callbacks: DTM calls the process that is there when this one has been killed.
const app = await NestFactory.createApplicationContext(DtmWorkerModule, { logger: ['error', 'warn'] });
const factory = app.get(DistributedJobFactory);

createInterface({ input: process.stdin }).on('line', (line) => {
  start(JSON.parse(line) as StartCommand).catch((error: unknown) =>
    tell({ type: 'error', error: String(error) }),
  );
});
tell({ type: 'ready' });

async function start({ gid, tenant }: StartCommand): Promise<void> {
  const dataSource = tenant === undefined ? databases[0]! : ofTenant(tenant);
  await dataSource.transaction(async (manager) => {
    await manager.insert(Order, { id: gid });
    const transaction = tenant === undefined ? manager : tenantTransaction(manager, tenant);
    const args = { orderId: tenant ?? 'o' };
    await factory
      .createJob({ gid, transaction })
      .addStep(ReserveStock, args as object)
      .addStep(SendEmail, args as object)
      .start();
  });
  tell({ type: 'started', gid });
}
