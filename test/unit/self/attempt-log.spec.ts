import { expect, it } from 'vitest';
import { extendLog, parseLog } from '../../../lib/tm/self/attempt-log.js';

it('keeps the steps that took several attempts, and those that were skipped', () => {
  const first = extendLog(null, 0, { attempts: 3, skipped: false });
  const log = extendLog(first, 4, { attempts: 2, skipped: true });
  expect([...parseLog(log)]).toEqual([
    [0, { attempts: 3, skipped: false }],
    [4, { attempts: 2, skipped: true }],
  ]);
  expect([...parseLog(null)]).toEqual([]);
});

it.each([false, true])('stays within its column, and forgets the oldest first (skipped: %s)', (skipped) => {
  let log: string | null = null;
  for (let index = 0; index < 10_000; index += 1) log = extendLog(log, index, { attempts: 2, skipped });
  expect(log!.length).toBeLessThanOrEqual(60_000);
  const kept = [...parseLog(log)];
  expect(kept.length).toBeGreaterThan(7000);
  const oldest = 10_000 - kept.length;
  expect(kept).toEqual(kept.map((_, at) => [oldest + at, { attempts: 2, skipped }]));
});
