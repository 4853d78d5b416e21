/** What the order service publishes, and the billing service subscribes to. */
export const ORDER_PLACED = 'order.placed';

/** An event says what has happened, so that its receivers need not ask. */
export interface OrderPlaced {
  readonly orderNumber: string;
  readonly customerEmail: string;
  readonly totalCents: number;
}
