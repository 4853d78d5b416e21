import type { Readable } from 'node:stream';

/** How long the bytes of a call may take to arrive. DTM sends them at once. */
const ARRIVAL_MS = 10_000;
const ARRIVAL_AT_SHUTDOWN_MS = 1000;
/** What all calls together may keep in memory while their bytes arrive. */
const BUDGET_BYTES = 32 * 1024 * 1024;
/** A budget has room for some of the largest. */
const BUDGET_BODIES = 4;
/** What is reserved for the beginning of a body. */
const HEAD_BYTES = 256;

/** Why a body was not read to its end. `gone`: there is nobody left to answer. */
export type UnreadBody = 'tooLarge' | 'late' | 'crowded' | 'unauthenticated' | 'gone';

export interface BodyLimits {
  /** The most bytes of one body. */
  readonly maxBytes: number;
  /** Milliseconds. */
  readonly arrival?: number;
  /** The most bytes of all bodies that have not arrived completely. */
  readonly budget?: number;
}

interface Reading {
  bytes: number;
  readonly end: (result: UnreadBody) => void;
}

/**
 * Reads the bodies of calls from people who have not shown who they are. One body is bounded in bytes and time, and all of
 * them together in bytes. Where these are used up, the oldest one is given up: DTM's own arrive within moments.
 */
export class CallbackBodies {
  /** The oldest first. */
  private readonly readings = new Set<Reading>();
  private held = 0;
  private readonly maxBytes: number;
  private arrival: number;
  private readonly budget: number;

  constructor({ maxBytes, arrival = ARRIVAL_MS, budget }: BodyLimits) {
    this.maxBytes = maxBytes;
    this.arrival = arrival;
    this.budget = budget ?? Math.max(BUDGET_BYTES, BUDGET_BODIES * maxBytes);
  }

  /**
   * @param framing How many bytes stand before the body.
   * @param accepts Whether a body may begin like this; asked with what is there of it.
   * @returns the body with its framing.
   */
  read(source: Readable, framing: number, accepts: (head: Buffer) => boolean): Promise<Buffer | UnreadBody> {
    return new Promise((resolve) => {
      const most = this.maxBytes + framing;
      // Chunks are copied: a body may arrive byte by byte, and each chunk takes more than its bytes.
      let body = Buffer.alloc(0);
      let length = 0;
      const finish = (result: Buffer | UnreadBody): void => {
        if (!this.readings.delete(reading)) return;
        this.held -= reading.bytes;
        clearTimeout(timer);
        source.off('data', take).off('end', complete).off('close', vanish);
        source.resume();
        body = Buffer.alloc(0);
        resolve(result);
      };
      const reserve = (bytes: number): void => {
        if (bytes <= body.length) return;
        const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(bytes, 2 * body.length, HEAD_BYTES)));
        body.copy(larger, 0, 0, length);
        this.held += larger.length - reading.bytes;
        reading.bytes = larger.length;
        body = larger;
      };
      const take = (chunk: Buffer): void => {
        if (length + chunk.length > most) return finish('tooLarge');
        reserve(length + chunk.length);
        chunk.copy(body, length);
        length += chunk.length;
        if (!accepts(body.subarray(framing, length))) return finish('unauthenticated');
        this.giveUpOldest();
      };
      const complete = (): void => finish(body.subarray(0, length));
      const vanish = (): void => finish('gone');
      const reading: Reading = { bytes: 0, end: finish };
      const timer = setTimeout(() => finish('late'), this.arrival);
      this.readings.add(reading);
      source.on('data', take).on('end', complete).on('close', vanish).on('error', vanish);
    });
  }

  /** Waits for no body any longer, and hardly for those that still come. */
  stop(): void {
    this.arrival = Math.min(this.arrival, ARRIVAL_AT_SHUTDOWN_MS);
    for (const { end } of this.readings) end('late');
  }

  private giveUpOldest(): void {
    for (const { bytes, end } of this.readings) {
      if (this.held <= this.budget) return;
      if (bytes > 0) end('crowded');
    }
  }
}
