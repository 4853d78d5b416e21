import { expect, it } from 'vitest';
import { ClaimHorizon } from '../../../lib/tm/self/claim-horizon.js';

it('looks for all that is due while that is quick', () => {
  const horizon = new ClaimHorizon();
  for (let now = 0; now < 10_000; now += 1000) {
    expect(horizon.dueWithin(now)).toBeUndefined();
    horizon.ended({ dueWithin: undefined, sentAt: now, endedAt: now + 50, lastDueFor: undefined });
  }
});

it('looks back to the last claim, and a second more, for twenty times as long as all of it took', () => {
  const horizon = new ClaimHorizon();
  horizon.ended({ dueWithin: undefined, sentAt: 0, endedAt: 500, lastDueFor: undefined });
  expect(horizon.dueWithin(600)).toBe(1600);
  horizon.ended({ dueWithin: 1600, sentAt: 600, endedAt: 602, lastDueFor: undefined });
  expect(horizon.dueWithin(5_000)).toBe(5_400);
  expect(horizon.dueWithin(9_999)).toBe(10_399);
  expect(horizon.dueWithin(10_000)).toBeUndefined();
});

it('looks for all that is due every half a minute, however long that took', () => {
  const horizon = new ClaimHorizon();
  horizon.ended({ dueWithin: undefined, sentAt: 0, endedAt: 10_000, lastDueFor: undefined });
  expect(horizon.dueWithin(29_999)).toBe(30_999);
  expect(horizon.dueWithin(30_000)).toBeUndefined();
});

it('goes on, after a claim that left jobs behind, where the last one was due', () => {
  const horizon = new ClaimHorizon();
  horizon.ended({ dueWithin: undefined, sentAt: 0, endedAt: 500, lastDueFor: 60_000 });
  // Due at -60,000.
  expect(horizon.dueWithin(700)).toBe(61_700);
});
