import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { InvoicesService } from './invoices/invoices.service.js';

/** The command `issue`: issues one invoice, in a process that ends when it is stored, or earlier. */
export async function issueInvoice([tenant, number, cents]: readonly string[]): Promise<void> {
  if (!tenant || !number || !cents)
    throw new Error('Give a tenant, the number of the invoice, and its cents');
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  await app.get(InvoicesService).issue(tenant, { number, customer: 'Ada Brandt', totalCents: Number(cents) });
  await app.close();
}
