import { BINS, endOfBin } from '../../../core/operations/histogram.js';
import type { AttemptCounters, StepCounts } from './attempt-counters.js';
import type { FleetSnapshot } from './fleet-snapshot.js';

/** Every second bin: series cost memory there. */
const BIN_STEP = 2;
/** A server would refuse more. */
const MAX_STEPS = 1000;

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number, suffix?: string];

/** Numbers in Prometheus' text format: counters of this process since it started, and gauges of the fleet. */
export function prometheusText(counters: AttemptCounters, snapshot: FleetSnapshot | undefined): string {
  const steps = [...counters.all].slice(0, MAX_STEPS);
  const sum = (name: 'jobsSucceeded' | 'gaveUp') =>
    steps.reduce((total, [, counts]) => total + counts[name], 0);
  const metrics = [
    metric('stepping_attempts_total', 'counter', 'Attempts of steps that this process has made.', [
      ...steps.map(([step, { succeeded }]): Sample => [{ step, outcome: 'succeeded' }, succeeded]),
      ...steps.map(([step, { failed }]): Sample => [{ step, outcome: 'failed' }, failed]),
    ]),
    metric('stepping_jobs_started_total', 'counter', 'Jobs that this process has started.', [
      [{}, counters.started],
    ]),
    metric('stepping_jobs_ended_total', 'counter', 'Jobs that this process has brought to their end.', [
      [{ status: 'succeeded' }, sum('jobsSucceeded')],
      [{ status: 'failed' }, sum('gaveUp')],
      [{ status: 'canceled' }, counters.canceled],
    ]),
    metric(
      'stepping_attempt_duration_seconds',
      'histogram',
      'How long attempts took.',
      steps.flatMap(([step, counts]) => histogram(step, counts, counts.runBins, counts.runMs)),
    ),
    metric(
      'stepping_wait_seconds',
      'histogram',
      'How long jobs waited from when they were due until the attempt began.',
      steps.flatMap(([step, counts]) => histogram(step, counts, counts.waitBins, counts.waitMs)),
    ),
    ...(snapshot ? gauges(snapshot) : []),
  ];
  return metrics.join('');
}

function gauges(snapshot: FleetSnapshot): string[] {
  const overview = snapshot.overview();
  const gauge = (name: string, help: string, samples: readonly Sample[]) =>
    metric(`stepping_${name}`, 'gauge', `${help} Of the whole fleet: aggregate with max.`, samples);
  const one = (name: string, help: string, value: number | null) =>
    value === null ? '' : gauge(name, help, [[{}, value]]);
  const ofSteps = <T>(steps: Iterable<readonly [string, T]>, valueOf: (value: T) => number): Sample[] =>
    [...steps].slice(0, MAX_STEPS).map(([step, value]): Sample => [{ step }, valueOf(value)]);
  const recovered = overview.recoveredAt;
  return [
    one('due_jobs', 'Jobs that could begin now; up to 10,000, on SQLite 2,500.', overview.due.count),
    gauge(
      'oldest_due_seconds',
      'For how long the oldest due job of a step could have begun.',
      ofSteps(snapshot.dueSteps, ({ oldestMs }) => oldestMs / 1000),
    ),
    one(
      'failed_jobs',
      'Jobs that have failed and wait for somebody; up to 10,000, on SQLite 2,500.',
      overview.failed.count,
    ),
    one('held_jobs', 'Jobs that a process holds; up to 10,000, on SQLite 2,500.', overview.held.count),
    one('running', 'Attempts that run.', overview.running),
    one('processes', 'Live processes.', overview.processes),
    one(
      'recovery_age_seconds',
      'How long ago a live process that runs steps has looked for due jobs.',
      recovered && Math.max(0, overview.at.getTime() - recovered.getTime()) / 1000,
    ),
    gauge(
      'step_paused',
      'Steps that are paused or braked.',
      ofSteps(snapshot.paused, () => 1),
    ),
  ];
}

function histogram(step: string, { attempts }: StepCounts, bins: Float64Array, sumMs: number): Sample[] {
  const samples: Sample[] = [];
  let below = 0;
  for (let bin = 0; bin < BINS - 1; bin += 1) {
    below += bins[bin]!;
    if (bin % BIN_STEP === 1) samples.push([{ step, le: String(endOfBin(bin) / 1000) }, below, '_bucket']);
  }
  return [
    ...samples,
    [{ step, le: '+Inf' }, attempts, '_bucket'],
    [{ step }, sumMs / 1000, '_sum'],
    [{ step }, attempts, '_count'],
  ];
}

function metric(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(
    ([labels, value, suffix = '']) => `${name}${suffix}${labelText(labels)} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return texts.length === 0 ? '' : `{${texts.join()}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
