import { BadRequestException, Injectable, UnprocessableEntityException } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { DistributedJobFactory, tenantTransaction } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { TenantDatabases } from '../tenants/tenant-databases.js';
import { NewInvoiceDto } from './dto/new-invoice.dto.js';
import { Invoice } from './invoice.entity.js';
import { AddTurnover } from './steps/add-turnover.step.js';
import { SendInvoice } from './steps/send-invoice.step.js';

/** How much one customer may owe a tenant. */
const CREDIT_LIMIT_CENTS = 1_000_000;

@Injectable()
export class InvoicesService {
  constructor(
    private readonly databases: TenantDatabases,
    private readonly jobs: DistributedJobFactory,
  ) {}

  /** Stores the invoice in the tenant's database, and starts its job in the central one: both, or neither. */
  async issue(tenant: string, dto: NewInvoiceDto): Promise<void> {
    const [problem] = await validate(plainToInstance(NewInvoiceDto, dto));
    if (problem) throw new BadRequestException(problem.toString());
    const { number, customer, totalCents } = dto;
    const database = await this.databases.of(tenant);
    await database.transaction(async (manager) => {
      await manager.insert(Invoice, { number, customer, totalCents });
      await this.jobs
        .createJob({ gid: jobOf(tenant, number), transaction: tenantTransaction(manager, tenant) })
        .addStep(SendInvoice, { tenant, invoiceNumber: number })
        .addStep(AddTurnover, { tenant, totalCents })
        .start();
      // An error anywhere in the transaction rolls the job back as well.
      await this.checkCreditLimit(manager, customer);
    });
  }

  private async checkCreditLimit(manager: EntityManager, customer: string): Promise<void> {
    const total = (await manager.sum(Invoice, 'totalCents', { customer })) ?? 0;
    if (total <= CREDIT_LIMIT_CENTS) return;
    throw new UnprocessableEntityException(`${customer} would owe ${total / 100} EUR`);
  }
}

/** Two tenants may use the same invoice number, but job ids must be unique. */
function jobOf(tenant: string, invoiceNumber: string): string {
  return `${tenant}:${invoiceNumber}`;
}
