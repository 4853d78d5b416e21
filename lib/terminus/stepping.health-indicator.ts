import { Inject, Injectable } from '@nestjs/common';
import { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { FleetHealth } from '../core/operations/fleet-numbers.js';
import { SteppingOperations, type HealthOptions } from '../core/operations/stepping-operations.js';
import { errorText } from '../errors/error-text.js';
import { healthResult, type SteppingHealthResult } from './health-result.js';

/** Longer than any outage that an application should not be restarted for. */
const READY_WITHIN_MS = 60_000;

/**
 * Health checks for `@nestjs/terminus` 10, 11 and 12. Provide it in the module of your health controller:
 * `providers: [SteppingHealthIndicator]`.
 *
 * A check that is down makes terminus answer 503. A degraded one makes it answer 200, and says so in its details: as `status: 'degraded'` where
 * terminus knows that (12.1), else as `status: 'up'` with `degraded: true`.
 *
 * @publicApi
 */
@Injectable()
export class SteppingHealthIndicator {
  /** @internal Made by Nest. */
  constructor(
    @Inject(DistributedJobs) private readonly jobs: DistributedJobs,
    @Inject(SteppingOperations) private readonly operations: SteppingOperations,
  ) {}

  /**
   * Whether this process reaches the store of its jobs: it has done so within the last minute, or nothing has failed since. Down before
   * the first time. For a readiness probe; it sends no statement.
   */
  async readiness<K extends string>(key: K): Promise<SteppingHealthResult<K>> {
    const { lastRunAt, error } = this.jobs.recovery();
    const isLate = lastRunAt === null || Date.now() - lastRunAt.getTime() > READY_WITHIN_MS;
    if (lastRunAt !== null && (error === null || !isLate)) return healthResult(key, 'up', {});
    const message =
      error === null
        ? 'The store of the jobs has not been reached yet.'
        : `The store of the jobs cannot be reached: ${errorText(error)}`;
    return healthResult(key, 'down', { message });
  }

  /**
   * Whether the jobs of all processes are seen through: down when nobody looks for due jobs, degraded when jobs wait for too long. Any process
   * can tell, also one that runs no steps. For alerts, not for probes: to restart this process helps nobody.
   *
   * @throws InvalidOptionError for an option that cannot be. Errors of a manager that does not know, as DTM's, are thrown as they are.
   */
  async fleet<K extends string>(key: K, options: HealthOptions = {}): Promise<SteppingHealthResult<K>> {
    const { status, problems } = await this.operations.health(options);
    return healthResult(key, status, detailsOf(problems));
  }
}

function detailsOf(problems: FleetHealth['problems']): Record<string, unknown> {
  if (problems.length === 0) return {};
  return { message: problems.map(({ text }) => text).join(' '), problems };
}
