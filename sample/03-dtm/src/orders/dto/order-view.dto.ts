import type { JobInfo } from 'nestjs-stepping';
import type { Order } from '../order.entity.js';

/** An order and the state of its job. */
export interface OrderViewDto {
  readonly order: Order;
  readonly job: JobViewDto | null;
}

export interface JobViewDto {
  readonly status: string;
  readonly steps: readonly { readonly name: string; readonly status: string }[];
}

/** Omits the arguments of the steps, which clients must not see. */
export function jobViewOf({ status, steps }: JobInfo): JobViewDto {
  return { status, steps: steps.map((step) => ({ name: step.name, status: step.status })) };
}
