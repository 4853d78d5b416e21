import { HttpStatus, NotFoundException } from '@nestjs/common';
import { isRecord } from '../core/options.js';
import { isProduction } from '../core/production.js';
import { within } from '../core/within.js';
import { errorText } from '../errors/error-text.js';
import type { DashboardAction } from './api.js';
import { BasicAuth } from './basic-auth.js';
import { DashboardRequestError, forbidden } from './dashboard.errors.js';
import { ACTIONS, type ResolvedDashboardOptions } from './dashboard.options.js';
import type { FewLines } from './few-lines.js';
import type { HttpRequest } from './http-request.js';
import { isCrossSite, isFor, isLocal, LOOPBACK_HOSTS, originIsFor } from './request-origin.js';
import type { Viewer } from './viewer.js';

/** What a request is for. A page holds no data, and links of other sites may lead there. */
export type Purpose = 'page' | 'read' | 'act';

/** Who gets in where nothing says so: nobody, or whoever sits at this machine. */
type Unconfigured = 'nobody' | 'local';

const MAX_ACTOR_LENGTH = 200;
/** For the functions of the application. */
const MAX_ANSWER_MS = 10_000;

/** Decides who gets in, once decorators and guards have let a request pass. */
export class DashboardGate {
  /** Undefined where the application has configured who gets in. */
  readonly unconfigured: Unconfigured | undefined;
  private readonly basicAuth: BasicAuth | undefined;

  constructor(
    private readonly options: ResolvedDashboardOptions,
    private readonly hasGuards: boolean,
    private readonly log: FewLines,
  ) {
    this.unconfigured = unconfigured(options, hasGuards);
    this.basicAuth = options.basicAuth && new BasicAuth(options.basicAuth);
  }

  /**
   * @throws DashboardRequestError for a request that is refused.
   * @throws NotFoundException where there is no dashboard, as for every other path that does not exist.
   */
  async enter(request: HttpRequest, purpose: Purpose): Promise<Viewer> {
    if (this.unconfigured === 'nobody') throw notThere(request);
    this.checkWay(request);
    if (purpose !== 'page' && isCrossSite(request, this.options.origins, purpose === 'act')) {
      throw new DashboardRequestError(
        HttpStatus.FORBIDDEN,
        'CROSS_SITE',
        'Requests of other sites are refused.',
      );
    }
    if (this.basicAuth?.accepts(request.header('authorization')) === false) {
      throw new DashboardRequestError(
        HttpStatus.UNAUTHORIZED,
        'UNAUTHORIZED',
        'Name and password are needed.',
      );
    }
    return { actions: await this.actionsOf(request), actor: await this.actorOf(request) };
  }

  private checkWay(request: HttpRequest): void {
    const local = this.unconfigured === 'local';
    if (local && !isLocal(request)) {
      throw forbidden('The dashboard answers this machine alone until the application says who gets in.');
    }
    const hosts = this.options.allowedHosts ?? (local ? LOOPBACK_HOSTS : undefined);
    if (hosts && !(isFor(hosts, request) && (!local || originIsFor(hosts, request)))) {
      throw forbidden('The dashboard does not answer under this host.');
    }
  }

  private async actionsOf(request: HttpRequest): Promise<readonly DashboardAction[]> {
    const { access = this.defaultAccess() } = this.options;
    const told = typeof access === 'function' ? await this.asked('access', access, request) : access;
    const actions = granted(told);
    if (actions === undefined)
      throw this.failed('access', "it returned neither 'read', 'write', { actions } nor false");
    return actions;
  }

  private defaultAccess(): 'read' | 'write' {
    return this.basicAuth || !this.hasGuards ? 'write' : 'read';
  }

  private async actorOf(request: HttpRequest): Promise<string | null> {
    const { actor, basicAuth } = this.options;
    const told = actor ? await this.asked('actor', actor, request) : basicAuth?.user;
    if (told === undefined || told === null || told === '') return null;
    if (typeof told !== 'string') throw this.failed('actor', 'it returned no text');
    return told.slice(0, MAX_ACTOR_LENGTH);
  }

  private async asked(
    option: string,
    ask: (request: HttpRequest['original']) => unknown,
    request: HttpRequest,
  ): Promise<unknown> {
    let answer: readonly [unknown] | undefined;
    try {
      answer = await within(MAX_ANSWER_MS, answerOf(ask, request));
    } catch (error) {
      throw this.failed(option, errorText(error));
    }
    // A request that never ends would keep the application from stopping.
    if (!answer) throw this.failed(option, `it has not answered within ${MAX_ANSWER_MS} ms`);
    return answer[0];
  }

  private failed(option: string, why: string): DashboardRequestError {
    this.log.error(`The option '${option}' of the dashboard failed, and a request was refused: ${why}`);
    return forbidden('The application could not tell what you are allowed to do.');
  }
}

async function answerOf(
  ask: (request: HttpRequest['original']) => unknown,
  { original }: HttpRequest,
): Promise<readonly [unknown]> {
  return [await ask(original)];
}

function unconfigured(
  { access, basicAuth }: ResolvedDashboardOptions,
  hasGuards: boolean,
): Unconfigured | undefined {
  if (access !== undefined || basicAuth || hasGuards) return undefined;
  return isProduction() ? 'nobody' : 'local';
}

/** Undefined for what no function may return; of an object, only what is known counts. */
function granted(access: unknown): readonly DashboardAction[] | undefined {
  if (access === false) throw forbidden('You are not allowed to see the dashboard.');
  if (access === 'read') return [];
  if (access === 'write') return ACTIONS;
  const actions = isRecord(access) ? access['actions'] : undefined;
  return Array.isArray(actions) ? ACTIONS.filter((action) => actions.includes(action)) : undefined;
}

/** In Nest's own words. */
function notThere({ raw }: HttpRequest): NotFoundException {
  return new NotFoundException(`Cannot ${raw.method} ${raw.url}`);
}
