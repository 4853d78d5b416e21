/** No broker can be used. The message says which one, and why. */
export class MissingBrokerError extends Error {}
