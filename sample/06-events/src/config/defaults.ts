/** Default addresses and names on a developer's machine. Environment variables override them. */
export const DEFAULTS = {
  ordersPort: 3001,
  billingPort: 3002,
  brokerUrl: 'amqp://127.0.0.1:5672',
  exchange: 'shop.orders',
  queue: 'shop.billing',
} as const;
