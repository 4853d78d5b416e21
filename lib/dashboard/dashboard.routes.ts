import { Get, Inject, NotFoundException, Options, Post, Req, Res, UseFilters } from '@nestjs/common';
import { DashboardConsole } from './dashboard.console.js';
import type { DashboardRequest } from './dashboard.options.js';
import { HttpRequest } from './http-request.js';
import { LoginRedirect } from './login-redirect.filter.js';
import { AnswersWithSlash } from './trailing-slash.js';

const READS = ['session', 'overview', 'timeline', 'steps', 'processes', 'jobs', 'count', 'job', 'audit'];
const ACTS = ['retry', 'cancel', 'skip', 'retry-all', 'cancel-all', 'pause', 'resume'];

/**
 * The handlers. They send their answers themselves, so that no interceptor of the application wraps them, and read the request themselves,
 * so that no pipe changes it.
 */
export abstract class DashboardRoutes {
  constructor(@Inject(DashboardConsole) private readonly console: DashboardConsole) {}

  @Get()
  @AnswersWithSlash()
  @UseFilters(LoginRedirect)
  page(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.answers.page(new HttpRequest(request), response);
  }

  @Get('api/session')
  session(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, viewer }) => reader.session(viewer));
  }

  @Get('api/overview')
  overview(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader }) => reader.overview());
  }

  @Get('api/timeline')
  timeline(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, query }) => reader.timeline(query));
  }

  @Get('api/steps')
  steps(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, query }) => reader.steps(query));
  }

  @Get('api/processes')
  processes(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader }) => reader.processes());
  }

  @Get('api/jobs')
  jobs(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, query }) => reader.jobs(query));
  }

  @Get('api/count')
  count(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, query }) => reader.count(query));
  }

  @Get('api/job')
  job(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, query }) => reader.job(query));
  }

  @Get('api/audit')
  audit(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.read(request, response, ({ reader, query }) => reader.audit(query));
  }

  @Post('api/retry')
  retry(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'retry', ({ operator, body, viewer }) =>
      operator.retry(body, viewer),
    );
  }

  @Post('api/cancel')
  cancel(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'cancel', ({ operator, body, viewer }) =>
      operator.cancel(body, viewer),
    );
  }

  @Post('api/skip')
  skip(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'skip', ({ operator, body, viewer }) =>
      operator.skip(body, viewer),
    );
  }

  @Post('api/retry-all')
  retryAll(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'retry', ({ operator, body, viewer }) =>
      operator.retryAll(body, viewer),
    );
  }

  @Post('api/cancel-all')
  cancelAll(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'cancel', ({ operator, body, viewer }) =>
      operator.cancelAll(body, viewer),
    );
  }

  @Post('api/pause')
  pause(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'pause', ({ operator, body, viewer }) =>
      operator.pause(body, viewer),
    );
  }

  @Post('api/resume')
  resume(@Req() request: DashboardRequest, @Res() response: unknown): Promise<void> {
    return this.console.act(request, response, 'pause', ({ operator, body, viewer }) =>
      operator.resume(body, viewer),
    );
  }

  /** Express would tell by itself which methods a path has, to anybody. */
  @Options(['', ...[...READS, ...ACTS].map((name) => `api/${name}`)])
  options(@Req() request: DashboardRequest): never {
    const { raw } = new HttpRequest(request);
    throw new NotFoundException(`Cannot ${raw.method} ${raw.url}`);
  }
}
