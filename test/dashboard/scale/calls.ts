import type { DistributedJobs, SteppingOperations, JobFilter } from 'nestjs-stepping';
import { RARE } from './history.js';

/** One thing that the console asks for. */
export interface ConsoleCall {
  /** The route, and what is asked. */
  readonly name: string;
  /** It changes jobs. */
  readonly changes?: true;
  /** It can be done once. */
  readonly once?: true;
  /** Its answer is kept for a moment, for whoever asks next. */
  readonly kept?: true;
  readonly run: () => Promise<unknown>;
}

const HOUR = 3_600_000;
const NOTE = { reason: 'a test', by: 'me' };

/** Every filter that the page has, alone and with a status. */
export const FILTERS: Readonly<Record<string, JobFilter>> = {
  none: {},
  succeeded: { status: 'succeeded' },
  failed: { status: 'failed' },
  submitted: { status: 'submitted' },
  prepared: { status: 'prepared' },
  canceled: { status: 'canceled' },
  rolledBack: { status: 'rolledBack' },
  'failed or submitted': { status: ['failed', 'submitted'] },
  failing: { failing: true },
  'a common step': { step: 'charge-card' },
  'a rare step': { step: RARE.step },
  'a rare step, failed': { step: RARE.step, status: 'failed' },
  'a rare step, failing': { step: RARE.step, failing: true },
  'a rare name': { name: RARE.name },
  'a rare name, submitted': { name: RARE.name, status: 'submitted' },
  'a rare error': { error: RARE.error },
  'a rare error, failed': { error: RARE.error, status: 'failed' },
  'rare arguments': { args: RARE.args },
  'the last hour': { createdAfter: new Date(Date.now() - HOUR) },
  'long ago': { createdBefore: new Date(Date.now() - 7 * 24 * HOUR) },
};

/** Every reading route of the console as the calls that it makes, and every action. */
export function consoleCalls(
  jobs: DistributedJobs,
  operations: SteppingOperations,
  gids: { readonly failed: string; readonly other: string; readonly open: string },
): ConsoleCall[] {
  const now = Date.now();
  const range = (hours: number) => ({ from: new Date(now - hours * HOUR) });
  return [
    { kept: true, name: 'overview', run: () => operations.overview() },
    { kept: true, name: 'overview: health', run: () => operations.health() },
    { kept: true, name: 'overview: failures', run: () => operations.failures() },
    { kept: true, name: 'timeline 1h', run: () => operations.timeline(range(1)) },
    { kept: true, name: 'timeline 7d', run: () => operations.timeline(range(7 * 24)) },
    { kept: true, name: 'steps 1h', run: () => operations.steps(range(1)) },
    { kept: true, name: 'steps 7d', run: () => operations.steps(range(7 * 24)) },
    { kept: true, name: 'processes', run: () => operations.processes() },
    ...Object.entries(FILTERS).flatMap(([name, filter]) => [
      { name: `jobs: ${name}`, run: () => jobs.list({ ...filter, limit: 50 }) },
      { name: `count: ${name}`, run: () => jobs.count(filter) },
    ]),
    { name: 'jobs: no filter, page 2', run: () => jobs.list({ cursor: gids.other }) },
    { name: 'jobs: a rare step, page 2', run: () => jobs.list({ step: RARE.step, cursor: gids.other }) },
    { name: 'job', run: () => jobs.find(gids.failed) },
    { kept: true, name: 'job: explain', run: () => jobs.explain(gids.open) },
    { name: 'job: audit', run: () => jobs.audit({ gid: gids.failed }) },
    { name: 'audit', run: () => jobs.audit() },
    { name: 'retry-all, dry', run: () => jobs.retryAll({ step: 'charge-card' }, { ...NOTE, dryRun: true }) },
    {
      name: 'retry-all, dry, rare',
      run: () => jobs.retryAll({ step: RARE.step }, { ...NOTE, dryRun: true }),
    },
    { name: 'cancel-all, dry', run: () => jobs.cancelAll({ failing: true }, { ...NOTE, dryRun: true }) },
    { ...changing('retry', () => jobs.retry(gids.failed, NOTE)), once: true },
    { ...changing('cancel', () => jobs.cancel(gids.failed, NOTE)), once: true },
    changing('retry-all of 500', () => jobs.retryAll({}, { ...NOTE, limit: 500, spread: '1h' })),
    changing('cancel-all of 500', () => jobs.cancelAll({ status: 'failed' }, { ...NOTE, limit: 500 })),
    changing('pause', () => operations.pause('charge-card', NOTE)),
    changing('resume', () => operations.resume('charge-card', NOTE)),
  ];
}

function changing(name: string, run: () => Promise<unknown>): ConsoleCall {
  return { name, changes: true, run };
}
