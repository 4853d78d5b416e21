import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { DistributedJobs } from 'nestjs-stepping';

@Controller('health')
export class HealthController {
  constructor(private readonly jobs: DistributedJobs) {}

  /** Healthy while the service can look for due jobs. */
  @Get()
  check(): { status: string; jobsLookedForAt: Date | null } {
    const { lastRunAt, error } = this.jobs.recovery();
    if (error !== null) throw new ServiceUnavailableException('The job store cannot be reached');
    return { status: 'ok', jobsLookedForAt: lastRunAt };
  }
}
