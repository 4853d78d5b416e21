/** What DTM reaches of this process. */
export abstract class CallbackServer {
  /** Rejects where calls could not arrive. */
  abstract start(): Promise<void>;

  /** Takes no more calls; resolves when those under way are answered, or have been given up. */
  abstract stop(): Promise<void>;
}
