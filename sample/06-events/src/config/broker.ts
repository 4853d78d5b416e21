/** The token of the client that the order service publishes through. */
export const BROKER = Symbol('BROKER');

/** How soon a service notices that its broker is away, and tries again. Seconds. */
export const RECONNECT = { heartbeatIntervalInSeconds: 5, reconnectTimeInSeconds: 1 } as const;
