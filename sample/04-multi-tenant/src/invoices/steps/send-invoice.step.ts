import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import { TenantDatabases } from '../../tenants/tenant-databases.js';
import { Dispatch } from '../dispatch.entity.js';
import { Invoice } from '../invoice.entity.js';

export interface InvoiceReference {
  readonly tenant: string;
  readonly invoiceNumber: string;
}

/** Works in the tenant's database. A repetition finds the existing row by its key. */
@Step('send-invoice')
export class SendInvoice implements StepHandler<InvoiceReference> {
  constructor(private readonly databases: TenantDatabases) {}

  async execute({ tenant, invoiceNumber }: InvoiceReference, { idempotencyKey }: StepContext): Promise<void> {
    const database = await this.databases.of(tenant);
    await database.transaction(async (manager) => {
      const { customer } = await manager.findOneByOrFail(Invoice, { number: invoiceNumber });
      const dispatch = { idempotencyKey, invoiceNumber, customer };
      await manager.createQueryBuilder().insert().into(Dispatch).values(dispatch).orIgnore().execute();
    });
  }
}
