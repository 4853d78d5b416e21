/** What both sides know of each other. */
export const EXCHANGE = 'proof-orders';
export const PLACED = 'order.placed';
export const QUEUE = 'proof-billing';

/** A broker that says nothing is given up after two heartbeats. */
export const SOCKET = { heartbeatIntervalInSeconds: 1, reconnectTimeInSeconds: 1 };
