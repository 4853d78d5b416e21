import { formatCents } from '../money.js';
import type { Order } from '../orders/order.entity.js';
import type { StockMovement } from '../stock/stock-movement.entity.js';
import type { Mail } from './mail.js';

/** The confirmation of an order whose stock is reserved. */
export function orderConfirmation(order: Order, movements: readonly StockMovement[]): Mail {
  const prices = new Map(order.lines.map((line) => [line.sku, line.unitPriceCents]));
  const articles = movements.map(({ sku, reserved, backOrdered }) => {
    const quantity = reserved + backOrdered;
    const later = backOrdered === 0 ? '' : `, of which ${backOrdered} will follow later`;
    return `  ${quantity} x ${sku} at ${formatCents(prices.get(sku) ?? 0)}${later}`;
  });
  return {
    to: { name: order.customerName, address: order.customerEmail },
    subject: `Your order ${order.number}`,
    headers: { 'X-Order-Number': order.number },
    text: [
      `Dear ${order.customerName},`,
      '',
      `thank you for your order ${order.number} of ${order.orderedAt.toISOString().slice(0, 10)}:`,
      '',
      ...articles,
      '',
      `Total: ${formatCents(order.totalCents)}`,
      '',
      'We send it to:',
      `  ${order.street}`,
      `  ${order.postalCode} ${order.city}, ${order.country}`,
      '',
      'Fern and Ladle',
    ].join('\n'),
  };
}
