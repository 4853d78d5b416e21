import type { CanActivate, FactoryProvider, ModuleMetadata, Type } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import type { Duration } from '../core/duration.js';
import {
  checkedOption,
  durationOption,
  functionOption,
  isRecord,
  readOptions,
  type OptionReader,
} from '../core/options.js';
import { InvalidOptionError } from '../errors/index.js';
import type { DashboardAction } from './api.js';
import { hostsOption, originsOption } from './host-options.js';

/**
 * A request as Express or Fastify made it, with whatever the guards and the middleware of the application have put on it.
 *
 * @publicApi
 */
export interface DashboardRequest {
  /** The headers; names are in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** Anything else, such as `user`. */
  readonly [property: string]: any;
}

/**
 * What somebody may do: read, or read and do everything, or read and do some of it; `false`: nothing at all. `edit` is to retry with
 * other arguments, and needs `retry` as well.
 *
 * @publicApi
 */
export type DashboardAccess =
  | 'read'
  | 'write'
  | false
  | { readonly actions: readonly ('retry' | 'cancel' | 'skip' | 'edit' | 'pause')[] };

/**
 * Answers a question about a request, at once or later.
 *
 * @publicApi
 */
export type DashboardRequestFunction<T> =
  // As the type of a method, so that the request may be declared as that of Express or Fastify.
  { ask(request: DashboardRequest): T | PromiseLike<T> }['ask'];

/**
 * The settings that a factory can make.
 *
 * Who gets in is decided in this order: what `decorators` and `guards` refuse is refused, then `basicAuth`, then `access`. `guards` alone
 * let people read, `basicAuth` alone lets them do everything. With none of the three, the dashboard is not there when `NODE_ENV` is
 * `production`, and elsewhere it answers, and obeys, this machine alone. Guards of the application that are global do not count, and
 * neither do `decorators`: say `access` beside them.
 *
 * @publicApi
 */
export interface DashboardSettings {
  /** What people may do: the same for everybody, or by request. An error of the function refuses, and so does no answer within 10 s. */
  readonly access?: 'read' | 'write' | DashboardRequestFunction<DashboardAccess>;
  /** Name and password that browsers ask for. Only over HTTPS does the password stay secret. */
  readonly basicAuth?: {
    /** The name, without a colon. */
    readonly user: string;
    /** The password. */
    readonly password: string;
  };
  /**
   * Who sends a request, for the audit; at most 200 characters of it are kept. Default: the name of `basicAuth`, otherwise nobody.
   */
  readonly actor?: DashboardRequestFunction<string | null | undefined>;
  /** Whether arguments of steps are shown: when somebody asks, at once, or never. Default: `'click'`. */
  readonly showArguments?: 'never' | 'click' | 'always';
  /**
   * The values of properties whose names fit one of these leave the process as `••••••`, in arguments, and in errors and other texts where they
   * stand after the name, as in `password=…`. What has no name, such as a password in the middle of a sentence, cannot be known. A list takes
   * the place of the default: `[/pass|secret|token|authorization|card/i]`.
   */
  readonly mask?: readonly RegExp[];
  /**
   * Other origins than the dashboard's own whose pages may act through it, such as `https://ops.example.com`. Needed behind a proxy that changes
   * the header `Host`, where browsers reach that over plain HTTP. Default: none.
   */
  readonly origins?: readonly string[];
  /**
   * The hosts under which the dashboard answers, such as `ops.example.com`, or with a port `ops.example.com:8443`. Others are refused. Default:
   * every host; where the dashboard answers this machine alone, `localhost`, `127.0.0.1` and `[::1]`.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Where a browser is sent when a guard refuses the page with 401 or 403: a path or a URL. Default: the guard's answer is sent.
   */
  readonly loginUrl?: string;
  /** How often a page that somebody looks at asks for new numbers, 1 s to 10 min. Default: 5 s. */
  readonly refresh?: Duration;
  /** What the page is called. Default: `'Stepping'`. */
  readonly title?: string;
  /** Which environment it is, shown at the top so that nobody takes one for another. Default: nothing is shown. */
  readonly environment?: {
    /** Its name, such as `production`. */
    readonly label: string;
    /** A colour of CSS: a name, or `#` and hexadecimal digits. Default: that of other labels. */
    readonly color?: string;
  };
}

/**
 * What must be known before the application is built.
 *
 * @publicApi
 */
export interface DashboardPlace {
  /** Where it stands below the global prefix, such as `admin/stepping`. Default: `'stepping'`. */
  readonly path?: string;
  /** Guards of Nest that every request must pass. Default: none. */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** Decorators for the controller, such as `Public()` or `Roles('admin')` of the application's own global guards. Default: none. */
  readonly decorators?: readonly ClassDecorator[];
  /** Modules that export what `guards` inject, and what the factory injects. Default: none. */
  readonly imports?: ModuleMetadata['imports'];
}

/**
 * What `SteppingDashboardModule.forRoot()` takes.
 *
 * @publicApi
 */
export interface DashboardOptions extends DashboardPlace, DashboardSettings {}

/**
 * What `SteppingDashboardModule.forRootAsync()` takes.
 *
 * @publicApi
 */
export interface DashboardAsyncOptions extends DashboardPlace {
  /** What the factory takes. Default: nothing. */
  readonly inject?: FactoryProvider['inject'];
  /** Makes the settings. */
  readonly useFactory: (...args: any[]) => DashboardSettings | Promise<DashboardSettings>;
}

/** Settings that are complete and checked. */
export interface ResolvedDashboardOptions {
  readonly access: 'read' | 'write' | DashboardRequestFunction<unknown> | undefined;
  readonly basicAuth: { readonly user: string; readonly password: string } | undefined;
  readonly actor: DashboardRequestFunction<unknown> | undefined;
  readonly showArguments: 'never' | 'click' | 'always';
  /** None of them keeps a position between two texts. */
  readonly mask: readonly RegExp[];
  /** As browsers write them. */
  readonly origins: readonly string[];
  /** In lower case. */
  readonly allowedHosts: readonly string[] | undefined;
  readonly loginUrl: string | undefined;
  readonly refreshMs: number;
  readonly title: string;
  readonly environment: { readonly label: string; readonly color: string | null } | null;
}

/** Everything that can be done. */
export const ACTIONS: readonly DashboardAction[] = ['retry', 'cancel', 'skip', 'edit', 'pause'];

const MAX_TEXT_LENGTH = 100;
const TEXT = `a text of 1 to ${MAX_TEXT_LENGTH} characters`;
const DEFAULT_MASK = [/pass|secret|token|authorization|card/i];
const PLACE = 'SteppingDashboardModule';

const READERS = {
  access: checkedOption<'read' | 'write' | DashboardRequestFunction<unknown>>(
    (value) => value === 'read' || value === 'write' || typeof value === 'function',
    "'read', 'write' or a function",
  ),
  basicAuth: basicAuthOption,
  actor: functionOption<DashboardRequestFunction<unknown>>(),
  showArguments: checkedOption<'never' | 'click' | 'always', 'click'>(
    (value) => value === 'never' || value === 'click' || value === 'always',
    "'never', 'click' or 'always'",
    'click',
  ),
  mask: maskOption,
  origins: originsOption,
  allowedHosts: hostsOption,
  loginUrl: checkedOption<string>(isLoginUrl, 'a path that begins with one slash, or a URL of http or https'),
  refresh: durationOption('5s', { min: 1000, max: 10 * 60 * 1000 }),
  title: checkedOption<string, string>(isShortText, TEXT, 'Stepping'),
  environment: environmentOption,
};

/** @throws InvalidOptionError for settings that cannot be. */
export function resolveDashboardSettings(given: unknown): ResolvedDashboardOptions {
  const { refresh, ...settings } = readOptions(given, PLACE, READERS);
  return { ...settings, refreshMs: refresh };
}

/** @throws InvalidOptionError for a place that cannot be. */
export function resolveDashboardPlace(given: DashboardPlace) {
  const { path, guards, decorators, imports } = given;
  return readOptions({ path, guards, decorators, imports }, PLACE, {
    path: pathOption,
    guards: listOption<Type<CanActivate> | CanActivate>(isGuard, 'guards'),
    decorators: listOption<ClassDecorator>((value) => typeof value === 'function', 'decorators of classes'),
    imports: listOption<NonNullable<ModuleMetadata['imports']>[number]>(
      (value) => value !== undefined,
      'modules',
    ),
  });
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= MAX_TEXT_LENGTH;
}

/** The error shows nothing of it. */
function basicAuthOption(value: unknown, option: string): ResolvedDashboardOptions['basicAuth'] {
  if (value === undefined) return undefined;
  if (!isRecord(value)) throw InvalidOptionError.hidden(option, value, '{ user, password }');
  const { user, password } = value;
  if (typeof user !== 'string' || !/^[^:]+$/.test(user)) {
    throw InvalidOptionError.hidden(`${option}.user`, user, 'a text without a colon, and not empty');
  }
  if (typeof password !== 'string' || password === '') {
    throw InvalidOptionError.hidden(`${option}.password`, password, 'a text that is not empty');
  }
  return { user, password };
}

function maskOption(value: unknown, option: string): readonly RegExp[] {
  if (value === undefined) return DEFAULT_MASK;
  if (!Array.isArray(value) || !value.every((item) => item instanceof RegExp)) {
    throw new InvalidOptionError(option, value, 'a list of regular expressions');
  }
  return value.map(({ source, flags }) => new RegExp(source, flags.replace(/[gy]/g, '')));
}

function environmentOption(value: unknown, option: string): ResolvedDashboardOptions['environment'] {
  if (value === undefined) return null;
  const { label, color } = readOptions(value, option, {
    label: checkedOption<string>(isShortText, TEXT),
    color: checkedOption<string, null>(isColor, "a colour such as 'darkred' or '#8b0000'", null),
  });
  if (label === undefined) throw new InvalidOptionError(`${option}.label`, label, TEXT);
  return { label, color };
}

function isColor(value: unknown): boolean {
  return (
    typeof value === 'string' && /^(?:[a-z]{3,30}|#(?:[\da-f]{3,4}|[\da-f]{6}|[\da-f]{8}))$/i.test(value)
  );
}

/** Browsers take a backslash for a slash, and two slashes for the beginning of a host. */
function isLoginUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !/^[!-~]+$/.test(value)) return false;
  return /^\/(?![/\\])/.test(value) || (/^https?:\/\//i.test(value) && URL.canParse(value));
}

const SEGMENT = /^(?!\.+$)[\w.~-]+$/;

function pathOption(value: unknown, option: string): string {
  const path = value === undefined ? 'stepping' : value;
  const segments = typeof path === 'string' ? path.replace(/^\/|\/$/g, '').split('/') : [];
  if (segments.length > 0 && segments.every((segment) => SEGMENT.test(segment))) return segments.join('/');
  throw new InvalidOptionError(
    option,
    value,
    "a path such as 'stepping' or 'admin/stepping', without parameters",
  );
}

function isGuard(value: unknown): boolean {
  const instance = typeof value === 'function' ? (value.prototype as unknown) : value;
  return typeof (instance as Partial<CanActivate> | null | undefined)?.canActivate === 'function';
}

function listOption<T>(accepts: (value: unknown) => boolean, what: string): OptionReader<readonly T[]> {
  return checkedOption<readonly T[], readonly T[]>(
    (value) => Array.isArray(value) && value.every(accepts),
    `a list of ${what}`,
    [],
  );
}
