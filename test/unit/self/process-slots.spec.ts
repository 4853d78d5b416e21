import { expect, it } from 'vitest';
import { ProcessSlots, type SlotUser } from '../../../lib/tm/self/process-slots.js';

/** A store with so many waiting jobs. */
class Store implements SlotUser {
  told = 0;
  constructor(
    private readonly name: string,
    private readonly slots: ProcessSlots,
    private readonly started: string[],
    private waiting: number,
  ) {
    slots.join(this);
  }
  get canStart(): boolean {
    return this.waiting > 0 && !this.slots.isFull;
  }
  startOne(): boolean {
    if (!this.canStart) return false;
    this.waiting -= 1;
    this.slots.running += 1;
    this.started.push(this.name);
    return true;
  }
  slotsChanged(): void {
    this.told += 1;
  }
}

it('lets stores begin in turn, whoever has more, and no more jobs than there are slots', () => {
  const started: string[] = [];
  const slots = new ProcessSlots(4, 3);
  const stores = [
    new Store('a', slots, started, 100),
    new Store('b', slots, started, 1),
    new Store('c', slots, started, 2),
  ];
  slots.start();
  expect(started).toEqual(['a', 'b', 'c', 'a']);
  // A slot that comes free goes to the store whose turn it is.
  for (let ended = 0; ended < 3; ended += 1) {
    slots.running -= 1;
    slots.start();
  }
  expect(started).toEqual(['a', 'b', 'c', 'a', 'c', 'a', 'a']);
  expect(stores.map(({ told }) => told)).toEqual([4, 4, 4]);
});
