import { Module } from '@nestjs/common';
import { SteppingModule } from 'nestjs-stepping';
import { SteppingEventsModule } from 'nestjs-stepping/events';
import { BillingModule } from './billing/billing.module.js';
import { BillingConfig, BillingConfigModule } from './config/billing.config.js';
import { billingDatabaseIn } from './config/data-files.js';
import { database } from './database.js';

/** The service that writes an invoice for each order that it hears of. */
@Module({
  imports: [
    BillingConfigModule,
    database(BillingConfig, ({ dataFolder }: BillingConfig) => billingDatabaseIn(dataFolder)),
    SteppingModule.forRoot(),
    // The inbox, in the database of this service.
    SteppingEventsModule.forRoot(),
    BillingModule,
  ],
})
export class BillingServiceModule {}
