import type { Duration } from '../../core/duration.js';
import {
  booleanOption,
  checkedOption,
  durationOption,
  entriesOf,
  integerOption,
  readOptions,
} from '../../core/options.js';
import { InvalidOptionError } from '../../errors/index.js';
import { readSecrets } from './callback-secrets.js';
import { DEFAULT_JOB_OPTIONS, jobOptionsOver, type DtmJobOptions } from './dtm-job.options.js';

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
   * Keys that callbacks are signed with: random texts of 16 characters or more, such as `openssl rand -base64 32` makes.
   * What is easy to guess is refused. The first one signs, all are accepted: to change it, put the new one in front and
   * take the old one away when its jobs have ended. Every process of the application needs the same. Without one the
   * application does not start, unless `allowUnsigned` is set.
   */
  readonly secrets?: string | readonly string[] | undefined;
  /**
   * Says that callbacks without a signature are meant, where there are no `secrets`: whoever reaches them can run every
   * step with any arguments. Logged at the start. Default: `false`.
   */
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
   * The most bytes that one step with its arguments may take, about 250 of them for the names, times and the signature
   * that go with them. Larger callbacks are refused, so lower it only when no job has larger steps. 65,535 is what DTM
   * keeps on MySQL. At most 4 MiB. Default: 65,535.
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

export const DEFAULT_CALLBACK_PATH = 'stepping';
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
const PATH = /^[\w.~-]+(?:\/[\w.~-]+)*$/;
const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+):(\d{1,5})$/;

function optionsFor(http: boolean) {
  const address = http ? httpAddress : grpcAddress;
  // The other two options of a job belong to dtmJob() alone.
  const { waitResult: _, directHttpSteps: __, ...job } = jobOptionsOver(DEFAULT_JOB_OPTIONS);
  return {
    ...job,
    protocol: checkedOption<DtmProtocol, DtmProtocol>(
      (value) => value === 'http' || value === 'grpc',
      "'http' or 'grpc'",
      'http',
    ),
    server: address,
    callback: address,
    callbackPath: checkedOption<string, string>(
      (value) => typeof value === 'string' && PATH.test(value),
      "a path such as 'stepping' or 'internal/jobs'",
      DEFAULT_CALLBACK_PATH,
    ),
    secrets: readSecrets,
    allowUnsigned: booleanOption(false),
    httpApi: (value: unknown, option: string) =>
      value === undefined ? undefined : httpAddress(value, option),
    serverTimeout: durationOption('5s', { min: 100, max: 60_000 }),
    serverHeaders,
    tls: checkedOption<boolean | DtmTls>(
      (value) => !http || value === false,
      "left out: with the HTTP protocol, 'server' says https",
    ),
    listen: (value: unknown, option: string): string | false | undefined => {
      if (value === undefined) return undefined;
      if (http)
        throw new InvalidOptionError(option, value, 'left out: HTTP callbacks are routes of the application');
      return value === false ? value : grpcAddress(value, option);
    },
    maxPayloadBytes: integerOption(65_535, 256, MAX_PAYLOAD_BYTES),
    gracePeriod: durationOption('10s', { max: 3600 * 1000 }),
  };
}

/** The settings as the strategy uses them: complete, checked, in milliseconds unless said otherwise. */
export type ResolvedDtmOptions = ReturnType<typeof resolveDtmOptions>;

/** @throws InvalidOptionError for an unknown option, or a value that cannot be used. */
export function resolveDtmOptions(options: DtmOptions) {
  const http = options.protocol !== 'grpc';
  const read = readOptions(options, 'dtm', optionsFor(http));
  const { server, callback, httpApi = http ? server : undefined, tls } = read;
  const { requestTimeout, retryInterval, queryPreparedAfter, headers } = read;
  return {
    ...read,
    httpApi,
    tls: tls === true ? {} : tls || undefined,
    listen: read.listen ?? (!http && `0.0.0.0:${HOST_AND_PORT.exec(callback)![2]}`),
    job: { ...DEFAULT_JOB_OPTIONS, requestTimeout, retryInterval, queryPreparedAfter, headers },
  };
}

function httpAddress(value: unknown, option: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const { protocol, username, password, search, hash } = url ?? {};
  if (url && /^https?:$/.test(protocol!) && `${username}${password}${search}${hash}` === '') {
    return url.href.replace(/\/+$/, '');
  }
  throw badAddress(option, value, "an address such as 'http://dtm:36789', without user name and query");
}

/** An address that was refused may hold a password, or a token in its query. */
function badAddress(option: string, value: unknown, expected: string): InvalidOptionError {
  return typeof value === 'string' && !/^[\w.:/[\]-]*$/.test(value)
    ? InvalidOptionError.hidden(option, value, expected)
    : new InvalidOptionError(option, value, expected);
}

/** The port must be written: DTM knows no default, and each callback would fail. */
function grpcAddress(value: unknown, option: string): string {
  const port = typeof value === 'string' ? Number(HOST_AND_PORT.exec(value)?.[2]) : Number.NaN;
  if (port >= 1 && port <= 65_535) return value as string;
  throw badAddress(option, value, "a host and a port such as 'dtm:36790', without a scheme");
}

/** The parts of an address that `grpcAddress()` has accepted. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const [, host, port] = HOST_AND_PORT.exec(address)!;
  return { host: host!.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function serverHeaders(value: unknown, option: string): Readonly<Record<string, string>> {
  const entries = entriesOf(value, option);
  const [name, given] = entries.find(([, text]) => typeof text !== 'string') ?? [];
  if (name === undefined) return Object.fromEntries(entries) as Record<string, string>;
  throw InvalidOptionError.hidden(`${option}[${JSON.stringify(name)}]`, given, 'a text');
}
