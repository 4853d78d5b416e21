import type { JobInfo } from 'nestjs-stepping';
import type { Order } from '../order.entity.js';

/** An order, and how far its job is. */
export interface OrderViewDto {
  readonly order: Order;
  readonly job: JobViewDto | null;
}

export interface JobViewDto {
  readonly status: string;
  readonly steps: readonly { readonly name: string; readonly status: string }[];
}

/** Leaves the arguments of the steps out: they are nobody else's business. */
export function jobViewOf({ status, steps }: JobInfo): JobViewDto {
  return { status, steps: steps.map((step) => ({ name: step.name, status: step.status })) };
}
