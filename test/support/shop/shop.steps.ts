import { Injectable } from '@nestjs/common';
import { Step, UnrecoverableStepError, type StepContext, type StepHandler } from '../../../lib/index.js';

export interface OrderArguments {
  readonly orderId: string;
  readonly amount?: number;
  /** Masked wherever it is shown. */
  readonly cardToken?: string;
}

/** What the shop depends on, and how it is at present. */
export class Surroundings {
  /** Orders whose cards are declined. */
  readonly declined = new Set<string>();
  /** Orders whose e-mails are refused. */
  readonly undeliverable = new Set<string>();
  /** Orders that no invoice can be written for. */
  readonly untaxable = new Set<string>();
  /** Orders whose goods somebody is looking for. */
  readonly searched = new Set<string>();
  /** The steps that have succeeded, as `step:orderId`. */
  readonly done: string[] = [];
}

@Injectable()
abstract class ShopStep implements StepHandler<OrderArguments> {
  constructor(protected readonly surroundings: Surroundings) {}

  async execute(order: OrderArguments, context: StepContext): Promise<void> {
    await this.attempt(order, context);
    this.surroundings.done.push(`${context.stepName}:${order.orderId}`);
  }

  protected attempt(_order: OrderArguments, _context: StepContext): void | Promise<void> {}
}

@Step('reserve-stock')
export class ReserveStock extends ShopStep {
  protected override async attempt({ orderId }: OrderArguments, { signal }: StepContext): Promise<void> {
    while (this.surroundings.searched.has(orderId)) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

@Step({ name: 'charge-card', retry: { delay: 5, maxDelay: 5, jitter: false, maxAttempts: 3 } })
export class ChargeCard extends ShopStep {
  protected override attempt({ orderId }: OrderArguments): void {
    if (!this.surroundings.declined.has(orderId)) return;
    const cause = new PaymentError('declined by the bank: insufficient funds');
    throw new PaymentError('The payment provider answered 402', { cause });
  }
}

@Step({ name: 'send-order-created-email', retry: { delay: '40m', maxDelay: '40m', jitter: false } })
export class SendOrderCreatedEmail extends ShopStep {
  protected override attempt({ orderId }: OrderArguments): void {
    if (!this.surroundings.undeliverable.has(orderId)) return;
    const cause = new Error('connect ECONNREFUSED 10.2.0.25:587');
    throw new Error('The mail server cannot be reached', { cause });
  }
}

@Step('create-invoice')
export class CreateInvoice extends ShopStep {
  protected override attempt({ orderId }: OrderArguments): void {
    if (this.surroundings.untaxable.has(orderId))
      throw new UnrecoverableStepError('The tax number of the customer is not valid');
  }
}

@Step('notify-warehouse')
export class NotifyWarehouse extends ShopStep {}

class PaymentError extends Error {
  override readonly name = 'PaymentError';
}

export const shopSteps = [ReserveStock, ChargeCard, SendOrderCreatedEmail, CreateInvoice, NotifyWarehouse];
