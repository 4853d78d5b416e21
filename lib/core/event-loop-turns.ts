/** How long timers and sockets may wait for their turn of the event loop. */
const LONGEST_BUSY_MS = 20;

/** As it is before tests replace it by one that waits for them. */
const afterOthers = setImmediate;

/**
 * Lets timers and sockets have their turn now and then. Calls that are answered from memory are chains of promises: awaited in a
 * loop, they keep all else waiting without end, and with it the renewal of leases.
 */
export class EventLoopTurns {
  private gaveWayAt = performance.now();

  async giveWay(): Promise<void> {
    if (performance.now() - this.gaveWayAt < LONGEST_BUSY_MS) return;
    await new Promise((resolve) => afterOthers(resolve));
    this.gaveWayAt = performance.now();
  }
}
