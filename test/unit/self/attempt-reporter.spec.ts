import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SteppingEventBus } from '../../../lib/core/events/event-bus.js';
import type { SteppingEvents } from '../../../lib/core/events/stepping-events.js';
import { Payloads } from '../../../lib/core/payloads/payloads.js';
import { AttemptReporter } from '../../../lib/tm/self/attempt-reporter.js';
import { AttemptCounters } from '../../../lib/tm/self/monitoring/attempt-counters.js';
import { leasedJob } from './support.js';

/** What every look at the clock adds. */
const TICK_MS = 10;

let told: (SteppingEvents['attempt.failed'] | SteppingEvents['attempt.succeeded'])[];
let counters: AttemptCounters;
let reporter: AttemptReporter;

beforeEach(() => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += TICK_MS));
  told = [];
  const events = new SteppingEventBus();
  for (const name of ['attempt.failed', 'attempt.succeeded'] as const)
    events.subscribe(name, { place: 'Test.on', call: (event) => told.push(event as (typeof told)[number]) });
  counters = new AttemptCounters();
  reporter = new AttemptReporter(events, new Payloads(undefined), counters);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const countedMs = () => [...counters.all.values()].map(({ runMs }) => runMs);

it('tells listeners, the log and the counts of one duration of a failed attempt', () => {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const job = leasedJob('g');
  const startedAt = performance.now();
  reporter.failed({ job, attempt: 1, startedAt }, new Error('no'), false);
  const [line] = warn.mock.calls[0] as unknown as [{ readonly tookMs: number }];
  expect([line.tookMs, told[0]!.tookMs, ...countedMs()]).toEqual([TICK_MS, TICK_MS, TICK_MS]);
});

it('tells listeners and the counts of one duration of an attempt that succeeded', () => {
  const job = leasedJob('g');
  reporter.success(job, performance.now(), true)!(true);
  expect([told[0]!.tookMs, ...countedMs()]).toEqual([TICK_MS, TICK_MS]);
});
