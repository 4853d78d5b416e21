import { expect, it } from 'vitest';
import { ClaimWindow, ClaimWindows } from '../../../lib/tm/self/claim-window.js';

it('scans all due jobs while that is quick', () => {
  const window = new ClaimWindow();
  for (let now = 0; now < 10_000; now += 1000) {
    expect(window.dueWithin(now)).toBeUndefined();
    window.ended({ dueWithin: undefined, sentAt: now, endedAt: now + 50, newestAge: undefined });
  }
});

it('looks back to the last claim and a second more, for twenty times the duration of the scan', () => {
  const window = new ClaimWindow();
  window.ended({ dueWithin: undefined, sentAt: 0, endedAt: 500, newestAge: undefined });
  expect(window.dueWithin(600)).toBe(1600);
  window.ended({ dueWithin: 1600, sentAt: 600, endedAt: 602, newestAge: undefined });
  expect(window.dueWithin(5_000)).toBe(5_400);
  expect(window.dueWithin(9_999)).toBe(10_399);
  expect(window.dueWithin(10_000)).toBeUndefined();
});

it('scans all due jobs every 30 seconds, however long that took', () => {
  const window = new ClaimWindow();
  window.ended({ dueWithin: undefined, sentAt: 0, endedAt: 10_000, newestAge: undefined });
  expect(window.dueWithin(29_999)).toBe(30_999);
  expect(window.dueWithin(30_000)).toBeUndefined();
});

it('continues after a full claim at the due time of its newest job', () => {
  const window = new ClaimWindow();
  window.ended({ dueWithin: undefined, sentAt: 0, endedAt: 500, newestAge: 60_000 });
  // Due at -60,000.
  expect(window.dueWithin(700)).toBe(61_700);
});

it('looks at everything that is due of a step that goes on', () => {
  const windows = new ClaimWindows();
  const claim = { dueWithin: undefined, sentAt: 1000, endedAt: 2000, newestAge: undefined };
  windows.ended(['first', 'second'], claim);
  expect(windows.dueWithin(['first', 'second'], 3000)).toBe(3000);
  windows.forget(['second']);
  expect(windows.dueWithin(['first', 'second'], 3000)).toBeUndefined();
  expect(windows.dueWithin(['first'], 3000)).toBe(3000);
});
