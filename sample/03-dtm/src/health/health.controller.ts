import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { DistributedJobs } from 'nestjs-stepping';

@Controller('health')
export class HealthController {
  constructor(private readonly jobs: DistributedJobs) {}

  /** Healthy while the DTM server answers. */
  @Get()
  check(): { status: string; dtmAnsweredAt: Date | null } {
    const { lastRunAt, error } = this.jobs.recovery();
    if (error !== null) throw new ServiceUnavailableException('The DTM server cannot be reached');
    return { status: 'ok', dtmAnsweredAt: lastRunAt };
  }
}
