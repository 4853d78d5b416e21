import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { JobRunner } from '../../../lib/tm/self/job-runner.js';
import { ReservedSlots } from '../../../lib/tm/self/reserved-slots.js';

const LEASE_MS = 1_000;
const PLACE = { stepName: 'ping', bytes: 1 };

/** A runner with a number of slots. */
function runnerWith(slots: number) {
  let free = slots;
  const reserve = (): boolean => free > 0 && (free -= 1) >= 0;
  const cancelReservation = (): void => void (free += 1);
  const runner = { reserve, cancelReservation } as unknown as JobRunner;
  return { runner, free: () => free };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('reserves as many slots as the runner has, and releases each once', () => {
  const { runner, free } = runnerWith(3);
  const slots = new ReservedSlots(runner, LEASE_MS);
  const reserved = [slots.reserve(PLACE)!, slots.reserve(PLACE)!, slots.reserve(PLACE)!];
  expect(slots.reserve(PLACE)).toBeUndefined();
  for (const slot of [reserved[1]!, reserved[1]!, reserved[0]!, reserved[2]!, reserved[0]!])
    slots.release(slot);
  expect(free()).toBe(3);
});

it('uses a reserved slot, and another one for a slot that has expired', () => {
  const { runner, free } = runnerWith(2);
  const slots = new ReservedSlots(runner, LEASE_MS);
  const old = slots.reserve(PLACE)!;
  vi.advanceTimersByTime(LEASE_MS / 2);
  const young = slots.reserve(PLACE)!;
  vi.advanceTimersByTime(LEASE_MS / 2);
  const next = slots.reserve(PLACE)!;
  expect(slots.use(young)).toBe(true);
  expect(slots.use(old)).toBe(false);
  expect(free()).toBe(0);
  slots.release(next);
  expect(slots.use(old)).toBe(true);
  expect(free()).toBe(0);
});

it('releases expired slots as soon as somebody needs one', () => {
  const { runner, free } = runnerWith(1);
  const slots = new ReservedSlots(runner, LEASE_MS);
  slots.reserve(PLACE);
  expect(slots.reserve(PLACE)).toBeUndefined();
  vi.advanceTimersByTime(LEASE_MS);
  expect(slots.reserve(PLACE)).toBeDefined();
  expect(slots.reserve(PLACE)).toBeUndefined();
  expect(free()).toBe(0);
});
