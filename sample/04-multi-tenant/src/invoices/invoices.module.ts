import { Module } from '@nestjs/common';
import { TenantsModule } from '../tenants/tenants.module.js';
import { InvoicesService } from './invoices.service.js';
import { AddTurnover } from './steps/add-turnover.step.js';
import { SendInvoice } from './steps/send-invoice.step.js';

@Module({
  imports: [TenantsModule],
  providers: [InvoicesService, SendInvoice, AddTurnover],
  exports: [InvoicesService],
})
export class InvoicesModule {}
