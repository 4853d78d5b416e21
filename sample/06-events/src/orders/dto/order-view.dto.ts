import type { JobInfo } from 'nestjs-stepping';
import type { Order } from '../order.entity.js';

/** An order, and how far its event is. */
export interface OrderViewDto {
  readonly order: Order;
  readonly event: EventViewDto | null;
}

export interface EventViewDto {
  readonly status: string;
  readonly attempts: number;
  /** Why the last attempt has failed. */
  readonly error: string | null;
}

/** Its job has one step, which publishes it. */
export function eventViewOf({ status, steps, error }: JobInfo): EventViewDto {
  return { status, attempts: steps[0]?.attempts ?? 0, error };
}
