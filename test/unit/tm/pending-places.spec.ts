import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { JobRunner } from '../../../lib/tm/self/job-runner.js';
import { ReservedSlots } from '../../../lib/tm/self/reserved-slots.js';

const LEASE_MS = 1_000;

/** As many places as it is given. */
function runnerOf(places: number) {
  let free = places;
  const reserve = (): boolean => free > 0 && (free -= 1) >= 0;
  const cancelReservation = (): void => void (free += 1);
  const runner = { reserve, cancelReservation } as unknown as JobRunner;
  return { runner, free: () => free };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('keeps as many places as the runner has, and gives each back once', () => {
  const { runner, free } = runnerOf(3);
  const places = new ReservedSlots(runner, LEASE_MS);
  const kept = [places.keep()!, places.keep()!, places.keep()!];
  expect(places.keep()).toBeUndefined();
  for (const place of [kept[1]!, kept[1]!, kept[0]!, kept[2]!, kept[0]!]) places.giveBack(place);
  expect(free()).toBe(3);
});

it('hands over a place that is kept, and another one for a place that was forfeited', () => {
  const { runner, free } = runnerOf(2);
  const places = new ReservedSlots(runner, LEASE_MS);
  const old = places.keep()!;
  vi.advanceTimersByTime(LEASE_MS / 2);
  const young = places.keep()!;
  vi.advanceTimersByTime(LEASE_MS / 2);
  places.forfeit();
  expect(free()).toBe(1);
  expect(places.take(young)).toBe(true);
  expect(free()).toBe(1);
  expect(places.take(old)).toBe(true);
  expect(free()).toBe(0);
  expect(places.take(old)).toBe(false);
});

it('forfeits what is too old as soon as somebody needs a place', () => {
  const { runner, free } = runnerOf(1);
  const places = new ReservedSlots(runner, LEASE_MS);
  places.keep();
  expect(places.keep()).toBeUndefined();
  vi.advanceTimersByTime(LEASE_MS);
  expect(places.keep()).toBeDefined();
  expect(places.keep()).toBeUndefined();
  expect(free()).toBe(0);
});
