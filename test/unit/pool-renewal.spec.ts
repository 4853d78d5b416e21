import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PoolRenewal } from '../../lib/store/connections/pool-renewal.js';

let replaced = 0;
let renewal: PoolRenewal;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  replaced = 0;
  renewal = new PoolRenewal(() => (replaced += 1));
});
afterEach(() => vi.useRealTimers());

const after = (milliseconds: number) => {
  vi.advanceTimersByTime(milliseconds);
  renewal.tick();
  return replaced;
};

it('replaces the connections at once, and not with every refusal', () => {
  for (let times = 0; times < 10; times += 1) renewal.refused();
  expect(after(4_999)).toBe(1);
});

it('goes on every five seconds while writes are refused, and a last time afterwards', () => {
  for (let seconds = 0; seconds < 11; seconds += 1) {
    renewal.refused();
    after(1_000);
  }
  expect(replaced).toBe(3);
  expect(after(5_000)).toBe(4);
  expect(after(60_000)).toBe(5);
  expect(after(60_000)).toBe(5);
});

it('replaces them with the first write that succeeds, and once more', () => {
  renewal.refused();
  renewal.succeeded('SELECT 1');
  expect(replaced).toBe(1);
  renewal.succeeded('\n  WITH due AS (SELECT 1) UPDATE jobs SET owner = 1');
  expect(replaced).toBe(2);
  renewal.succeeded('INSERT INTO jobs VALUES (1)');
  expect(replaced).toBe(2);
  expect(after(5_000)).toBe(3);
  expect(after(60_000)).toBe(3);
});

it('leaves them alone where nothing was refused', () => {
  renewal.succeeded('INSERT INTO jobs VALUES (1)');
  expect(after(60_000)).toBe(0);
});
