import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import {
  DistributedJobs,
  SteppingOperations,
  type AuditEntry,
  type BulkResult,
  type FailureGroup,
  type JobExplanation,
  type ProcessInfo,
} from 'nestjs-stepping';
import { ActionDto } from './dto/action.dto.js';
import { RetryFailedDto } from './dto/retry-failed.dto.js';

/**
 * What the operators of the depot see and do. The API process runs no steps, and answers for all processes.
 *
 * In a service, guard these routes: whoever reaches them can stop the work.
 */
@Controller('operations')
export class OperationsController {
  constructor(
    private readonly operations: SteppingOperations,
    private readonly jobs: DistributedJobs,
  ) {}

  @Get('processes')
  processes(): Promise<readonly ProcessInfo[]> {
    return this.operations.processes();
  }

  @Get('failures')
  async failures(): Promise<readonly FailureGroup[]> {
    return (await this.operations.failures()).groups;
  }

  @Get('audit')
  async audit(): Promise<readonly AuditEntry[]> {
    return (await this.jobs.audit()).entries;
  }

  @Get('jobs/:gid/explanation')
  explain(@Param('gid') gid: string): Promise<JobExplanation> {
    return this.jobs.explain(gid);
  }

  @Post('steps/:step/pause')
  @HttpCode(204)
  async pause(@Param('step') step: string, @Body() { by, reason }: ActionDto): Promise<void> {
    await this.operations.pause(step, { by, reason });
  }

  @Post('steps/:step/resume')
  @HttpCode(204)
  async resume(@Param('step') step: string, @Body() { by, reason }: ActionDto): Promise<void> {
    await this.operations.resume(step, { by, reason });
  }

  @Post('jobs/retry-failed')
  @HttpCode(200)
  retryFailed(@Body() { by, reason, spread }: RetryFailedDto): Promise<BulkResult> {
    return this.jobs.retryAll({ status: 'failed' }, { by, reason, spread });
  }
}
