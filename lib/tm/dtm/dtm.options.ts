import { parseDuration, type Duration } from '../../core/duration.js';
import { InvalidOptionError } from '../../errors/index.js';
import {
  DEFAULT_JOB_OPTIONS,
  resolveJobOptions,
  type DtmJobOptions,
  type ResolvedDtmJobOptions,
} from './dtm-job.options.js';

/**
 * How this application and the DTM server talk, in both directions.
 *
 * @publicApi
 */
export type DtmProtocol = 'http' | 'grpc';

/**
 * Certificates for a gRPC connection to a proxy that stands in front of DTM, as PEM. DTM itself has no TLS.
 *
 * @publicApi
 */
export interface DtmTls {
  /** Default: the certificate authorities of Node. */
  readonly rootCertificates?: string | Buffer;
  /** The key of this application, where the proxy asks for a certificate. */
  readonly privateKey?: string | Buffer;
  /** The certificate that belongs to the key. */
  readonly certificateChain?: string | Buffer;
}

/**
 * Settings of `dtm()` that may come from a factory. Durations are milliseconds, or texts such as `'30s'`.
 *
 * @publicApi
 */
export interface DtmServerOptions extends Pick<
  DtmJobOptions,
  'requestTimeout' | 'retryInterval' | 'queryPreparedAfter' | 'headers'
> {
  /** Where DTM is: `'http://dtm:36789'`, or `'dtm:36790'` for gRPC. */
  readonly server: string;
  /**
   * Where DTM reaches this application: `'http://orders:3000'`, with the application's global prefix if it has
   * one, or `'orders:50051'` for gRPC. It is stored with the jobs, so it must name any process that
   * provides their steps: a load balancer, or a name that stands for all instances.
   */
  readonly callback: string;
  /**
   * Keys, of 16 characters or more, that callbacks are signed with. The first one signs, all are accepted: to
   * change it, put the new one in front and take the old one away when its jobs have ended. Every process of
   * the application needs the same. Without one callbacks are open to all who reach them, which is refused
   * when `NODE_ENV` is `production`.
   */
  readonly secrets?: string | readonly string[];
  /** Says that callbacks without a signature are meant, in production too. Default: `false`. */
  readonly allowUnsigned?: boolean;
  /**
   * DTM's HTTP API, for `DistributedJobs`, where `server` is gRPC. Without it `find()` and the like are refused, and
   * jobs with a gid of your own, which are looked for.
   */
  readonly httpApi?: string;
  /** How long a call to the server may take, repetitions included. Default: 5 s. */
  readonly serverTimeout?: Duration;
  /** Headers, or gRPC metadata, for every call to the server: for a proxy that asks who is there. */
  readonly serverHeaders?: Readonly<Record<string, string>>;
  /** gRPC: encrypt the connection to the server. Default: not encrypted, which is all that DTM itself takes. */
  readonly tls?: boolean | DtmTls;
  /**
   * gRPC: where the callback server of this process listens, such as `'0.0.0.0:50051'`; `false` for a process
   * that only starts jobs. Default: all interfaces, the port of `callback`.
   */
  readonly listen?: string | false;
  /**
   * The most bytes that one step with its arguments may take. 65,535 is what DTM keeps on MySQL, and below what
   * Express takes unless told otherwise (100 kB). At most 4 MiB. Default: 65,535.
   */
  readonly maxPayloadBytes?: number;
  /** How long a step may take to end after its signal (time-out, shutdown). Default: 10 s. */
  readonly gracePeriod?: Duration;
}

/**
 * Settings of `dtm()`.
 *
 * @publicApi
 */
export interface DtmOptions extends DtmServerOptions {
  /** Default: `'http'`. */
  readonly protocol?: DtmProtocol;
  /** HTTP: the path of the callbacks in this application. Default: `'stepping'`. */
  readonly callbackPath?: string;
}

/** The settings as the strategy uses them: complete, checked, in milliseconds unless said otherwise. */
export interface ResolvedDtmOptions {
  readonly protocol: DtmProtocol;
  readonly server: string;
  readonly callback: string;
  readonly callbackPath: string;
  readonly secrets: readonly string[];
  readonly allowUnsigned: boolean;
  readonly httpApi: string | undefined;
  readonly serverTimeout: number;
  readonly serverHeaders: Readonly<Record<string, string>>;
  readonly tls: DtmTls | undefined;
  readonly listen: string | false;
  readonly maxPayloadBytes: number;
  readonly gracePeriod: number;
  readonly job: ResolvedDtmJobOptions;
}

export const DEFAULT_CALLBACK_PATH = 'stepping';
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
const MIN_SECRET_LENGTH = 16;
const PATH = /^[\w.~-]+(?:\/[\w.~-]+)*$/;
const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+):(\d{1,5})$/;
const OPTIONS: readonly (keyof DtmOptions)[] = [
  'protocol',
  'server',
  'callback',
  'callbackPath',
  'secrets',
  'allowUnsigned',
  'httpApi',
  'serverTimeout',
  'serverHeaders',
  'tls',
  'listen',
  'maxPayloadBytes',
  'gracePeriod',
  'requestTimeout',
  'retryInterval',
  'queryPreparedAfter',
  'headers',
];

/** @throws InvalidOptionError for an unknown option, or a value that cannot be. */
export function resolveDtmOptions(options: DtmOptions): ResolvedDtmOptions {
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key as keyof DtmOptions));
  if (unknown !== undefined) {
    throw new InvalidOptionError(`dtm.${unknown}`, undefined, `one of ${OPTIONS.join(', ')}`);
  }
  const { protocol = 'http', callbackPath = DEFAULT_CALLBACK_PATH, allowUnsigned = false } = options;
  if (protocol !== 'http' && protocol !== 'grpc') {
    throw new InvalidOptionError('dtm.protocol', protocol, "'http' or 'grpc'");
  }
  if (typeof callbackPath !== 'string' || !PATH.test(callbackPath)) {
    throw new InvalidOptionError(
      'dtm.callbackPath',
      callbackPath,
      "a path such as 'stepping' or 'internal/jobs'",
    );
  }
  if (typeof allowUnsigned !== 'boolean') {
    throw new InvalidOptionError('dtm.allowUnsigned', allowUnsigned, 'true or false');
  }
  const address = protocol === 'http' ? httpAddress : grpcAddress;
  const server = address(options.server, 'dtm.server');
  const callback = address(options.callback, 'dtm.callback');
  const httpApi =
    options.httpApi === undefined
      ? protocol === 'http'
        ? server
        : undefined
      : httpAddress(options.httpApi, 'dtm.httpApi');
  return {
    protocol,
    server,
    callback,
    callbackPath,
    secrets: secretsOf(options.secrets),
    allowUnsigned,
    httpApi,
    serverTimeout: parseDuration(options.serverTimeout ?? '5s', 'dtm.serverTimeout', {
      min: 100,
      max: 60_000,
    }),
    serverHeaders: serverHeadersOf(options.serverHeaders),
    tls: tlsOf(options.tls, protocol),
    listen: listenOf(options.listen, protocol, callback),
    maxPayloadBytes: maxPayloadOf(options.maxPayloadBytes),
    gracePeriod: parseDuration(options.gracePeriod ?? '10s', 'dtm.gracePeriod', { max: 3600 * 1000 }),
    job: resolveJobOptions(pickJobOptions(options), 'dtm', DEFAULT_JOB_OPTIONS),
  };
}

function pickJobOptions({
  requestTimeout,
  retryInterval,
  queryPreparedAfter,
  headers,
}: DtmOptions): DtmJobOptions {
  return {
    ...(requestTimeout !== undefined && { requestTimeout }),
    ...(retryInterval !== undefined && { retryInterval }),
    ...(queryPreparedAfter !== undefined && { queryPreparedAfter }),
    ...(headers !== undefined && { headers }),
  };
}

function httpAddress(value: unknown, option: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const usable =
    url && (url.protocol === 'http:' || url.protocol === 'https:') && url.search === '' && url.hash === '';
  if (!usable || url.username !== '' || url.password !== '') {
    throw new InvalidOptionError(
      option,
      value,
      "an address such as 'http://dtm:36789', without user name and query",
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** The port must be written: DTM does not know one by itself, and would find that out with every callback. */
function grpcAddress(value: unknown, option: string): string {
  const port = typeof value === 'string' ? Number(HOST_AND_PORT.exec(value)?.[2]) : Number.NaN;
  if (port >= 1 && port <= 65_535) return value as string;
  throw new InvalidOptionError(option, value, "a host and a port such as 'dtm:36790', without a scheme");
}

function secretsOf(secrets: DtmOptions['secrets']): readonly string[] {
  const list: readonly unknown[] =
    secrets === undefined ? [] : typeof secrets === 'string' ? [secrets] : secrets;
  if (
    !Array.isArray(list) ||
    !list.every((one) => typeof one === 'string' && one.length >= MIN_SECRET_LENGTH)
  ) {
    // Never the value itself.
    throw new InvalidOptionError(
      'dtm.secrets',
      undefined,
      `texts of ${MIN_SECRET_LENGTH} characters or more`,
    );
  }
  if (secrets !== undefined && list.length === 0) {
    throw new InvalidOptionError('dtm.secrets', undefined, 'one text at least; leave it out for none');
  }
  return list as readonly string[];
}

function serverHeadersOf(headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  const usable =
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((value) => typeof value === 'string');
  if (!usable) throw new InvalidOptionError('dtm.serverHeaders', undefined, 'an object of texts');
  return headers as Readonly<Record<string, string>>;
}

function tlsOf(tls: DtmOptions['tls'], protocol: DtmProtocol): DtmTls | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (protocol === 'http') {
    throw new InvalidOptionError(
      'dtm.tls',
      undefined,
      "left out: with the HTTP protocol, 'server' says https",
    );
  }
  return tls === true ? {} : tls;
}

function listenOf(listen: DtmOptions['listen'], protocol: DtmProtocol, callback: string): string | false {
  if (protocol === 'http') {
    if (listen !== undefined) {
      throw new InvalidOptionError(
        'dtm.listen',
        listen,
        'left out: HTTP callbacks are routes of the application',
      );
    }
    return false;
  }
  if (listen === false) return false;
  return listen === undefined
    ? `0.0.0.0:${HOST_AND_PORT.exec(callback)![2]}`
    : grpcAddress(listen, 'dtm.listen');
}

function maxPayloadOf(value: number = 65_535): number {
  if (Number.isInteger(value) && value >= 256 && value <= MAX_PAYLOAD_BYTES) return value;
  throw new InvalidOptionError(
    'dtm.maxPayloadBytes',
    value,
    `a whole number from 256 to ${MAX_PAYLOAD_BYTES}`,
  );
}
