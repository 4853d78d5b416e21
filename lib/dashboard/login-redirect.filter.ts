import { Catch, HttpStatus, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { ApplicationConfig, BaseExceptionFilter } from '@nestjs/core';
import { propertyOf } from '../errors/error-text.js';
import { DashboardConsole } from './dashboard.console.js';
import type { DashboardRequest } from './dashboard.options.js';
import { reply } from './http-reply.js';
import { HttpRequest } from './http-request.js';

const REFUSED: readonly unknown[] = [HttpStatus.UNAUTHORIZED, HttpStatus.FORBIDDEN];
/** Where `@Catch()` writes what a filter catches. */
const CAUGHT = '__filterCatchExceptions__';

type Matcher = abstract new (...args: never[]) => unknown;

/** Whatever a guard throws with status 401 or 403. Nest asks with `instanceof`. */
abstract class Refusal {
  static [Symbol.hasInstance](thrown: unknown): boolean {
    const getStatus = propertyOf(thrown, 'getStatus');
    return typeof getStatus === 'function' && REFUSED.includes(getStatus.call(thrown));
  }
}

/**
 * Sends a browser that a guard refuses the page to where people sign in. All other answers are left to the filters of the application:
 * Nest itself asks the first filter that fits, and no other.
 */
@Catch(Refusal)
export class LoginRedirect extends BaseExceptionFilter implements ExceptionFilter {
  constructor(
    @Inject(DashboardConsole) private readonly console: DashboardConsole,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
  ) {
    super();
  }

  override catch(exception: unknown, host: ArgumentsHost): unknown {
    const request = new HttpRequest(host.switchToHttp().getRequest<DashboardRequest>());
    const { loginUrl } = this.console.options;
    if (loginUrl === undefined || !request.acceptsHtml) return this.handOn(exception, host);
    const headers = { location: loginUrl, 'cache-control': 'no-store' };
    return reply(request, host.switchToHttp().getResponse(), HttpStatus.FOUND, headers);
  }

  /** Of the global filters, the last one comes first, as with Nest. */
  private handOn(exception: unknown, host: ArgumentsHost): unknown {
    const filter = this.config.getGlobalFilters().findLast((candidate) => catches(candidate, exception));
    return filter ? filter.catch(exception, host) : super.catch(exception, host);
  }
}

function catches(filter: ExceptionFilter, exception: unknown): boolean {
  const caught = Reflect.getMetadata(CAUGHT, filter.constructor) as readonly Matcher[] | undefined;
  return !caught?.length || caught.some((type) => exception instanceof type);
}
