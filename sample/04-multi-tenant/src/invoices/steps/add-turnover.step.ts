import { Step, type StepContext, type StepHandler } from 'nestjs-stepping';
import type { EntityManager } from 'typeorm';
import { Tenant } from '../../tenants/tenant.entity.js';

export interface TurnoverArguments {
  readonly tenant: string;
  readonly totalCents: number;
}

/** Adds exactly once, in the transaction of the central database that also marks the step done. */
@Step({ name: 'add-turnover', transactional: true })
export class AddTurnover implements StepHandler<TurnoverArguments> {
  async execute(args: TurnoverArguments, context: StepContext<EntityManager>): Promise<void> {
    await context.manager.increment(Tenant, { name: args.tenant }, 'turnoverCents', args.totalCents);
  }
}
