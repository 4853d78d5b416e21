import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { InboxPlace } from '../../../lib/events/inbox-place.js';
import { InboxRetention } from '../../../lib/events/inbox-retention.js';
import { logger, logOf } from '../../support/log-lines.js';

const HOUR = 3600 * 1000;
const DAY = 24 * HOUR;

/** An inbox whose answers to `purge()` the test gives. */
class Place {
  readonly calls: [retention: number, limit: number][] = [];
  answer: () => Promise<number> = async () => 0;

  readonly opened = {
    purge: (retention: number, limit: number) => {
      this.calls.push([retention, limit]);
      return this.answer();
    },
  };
}

let place: Place;
let retention: InboxRetention;

beforeEach(() => {
  vi.useFakeTimers();
  Logger.overrideLogger(logger);
  place = new Place();
  retention = new InboxRetention(place as unknown as InboxPlace, 30 * DAY);
});
afterEach(() => {
  void retention.stop();
  vi.useRealTimers();
});

it('runs at the start and each hour', async () => {
  await retention.start();
  await vi.advanceTimersByTimeAsync(3 * HOUR);
  expect(place.calls).toEqual(Array.from({ length: 4 }, () => [30 * DAY, 1000]));
});

it('deletes in batches until none is left', async () => {
  const left = [1000, 1000, 999];
  place.answer = async () => left.shift() ?? 0;
  await retention.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(place.calls).toHaveLength(3);
});

it('stops between two batches, and starts none afterwards', async () => {
  place.answer = () => new Promise((resolve) => setTimeout(resolve, 1000, 1000));
  await retention.start();
  await vi.advanceTimersByTimeAsync(1500);
  const stopped = retention.stop();
  await vi.advanceTimersByTimeAsync(5000);
  await stopped;
  await vi.advanceTimersByTimeAsync(10 * HOUR);
  expect(place.calls).toHaveLength(2);
});

it('waits at most ten seconds for a statement that does not end', async () => {
  place.answer = () => new Promise(() => undefined);
  await retention.start();
  let stopped = false;
  void retention.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(9_999);
  expect(stopped).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(stopped).toBe(true);
});

it('keeps no process alive', async () => {
  const set = vi.spyOn(globalThis, 'setInterval');
  await retention.start();
  const timer = set.mock.results[0]!.value as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(false);
});

it('tells a failure once, until it works again', async () => {
  const failures = () => logOf('Deleting old marks of messages failed').length;
  const before = failures();
  place.answer = () => Promise.reject(new Error('away'));
  await retention.start();
  await vi.advanceTimersByTimeAsync(3 * HOUR);
  expect(failures() - before).toBe(1);
  place.answer = async () => 0;
  await vi.advanceTimersByTimeAsync(HOUR);
  place.answer = () => Promise.reject(new Error('away'));
  await vi.advanceTimersByTimeAsync(3 * HOUR);
  expect(failures() - before).toBe(2);
});

it('asks nothing of an inbox that was never opened', async () => {
  Object.assign(place, { opened: undefined });
  await retention.start();
  await vi.advanceTimersByTimeAsync(3 * HOUR);
  expect(place.calls).toEqual([]);
});
