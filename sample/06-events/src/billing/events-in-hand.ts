import { Injectable } from '@nestjs/common';

/** Counts the events that were delivered and are not settled yet. */
@Injectable()
export class EventsInHand {
  private events = 0;

  get count(): number {
    return this.events;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.events += 1;
    try {
      return await work();
    } finally {
      this.events -= 1;
    }
  }
}
