import 'reflect-metadata';
import { request as send, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Module,
  type INestApplication,
  type LoggerService,
  type ModuleMetadata,
  type NestApplicationOptions,
  type Provider,
} from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { SteppingDashboardModule, type DashboardOptions } from 'nestjs-stepping/dashboard';
import { afterEach } from 'vitest';

export type Framework = 'express' | 'fastify';
export const FRAMEWORKS: readonly Framework[] = ['express', 'fastify'];

export interface DashboardParts {
  /** Default: none. */
  readonly options?: DashboardOptions;
  /** Instead of the one with these options. */
  readonly dashboard?: ModuleMetadata['imports'];
  readonly imports?: ModuleMetadata['imports'];
  readonly controllers?: ModuleMetadata['controllers'];
  readonly providers?: Provider[];
  readonly application?: NestApplicationOptions;
  readonly adapter?: AbstractHttpAdapter;
  readonly setUp?: (app: INestApplication) => unknown;
  /** Where it listens. Default: 127.0.0.1. */
  readonly address?: string;
}

const open: INestApplication[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});

/** An application with jobs in memory and the dashboard, that listens. It is closed after the test. */
export async function startDashboard(framework: Framework, parts: DashboardParts = {}): Promise<Served> {
  const { options, dashboard = [SteppingDashboardModule.forRoot(options)], imports = [] } = parts;
  @Module({
    imports: [
      SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }), requireTransaction: false }),
      ...dashboard,
      ...imports,
    ],
    controllers: parts.controllers ?? [],
    providers: parts.providers ?? [],
  })
  class Application {}
  const adapter = parts.adapter ?? newAdapter(framework);
  const lines: string[] = [];
  const logger: LoggerService = {
    log: () => undefined,
    warn: (line: unknown) => lines.push(String(line)),
    error: (line: unknown) => lines.push(String(line)),
  };
  const app = await NestFactory.create(Application, adapter, {
    logger,
    abortOnError: false,
    ...parts.application,
  });
  open.push(app);
  await parts.setUp?.(app);
  await app.listen(0, parts.address ?? '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return new Served(app, port, lines);
}

export function newAdapter(framework: Framework): AbstractHttpAdapter {
  return framework === 'express' ? new ExpressAdapter() : new FastifyAdapter();
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
  /** Of the connection. Default: 127.0.0.1. */
  readonly address?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of JSON. */
  readonly json: any;
}

/** A running application. */
export class Served {
  constructor(
    readonly app: INestApplication,
    readonly port: number,
    /** The warnings and errors of its log. */
    readonly lines: readonly string[],
  ) {}

  /** @param target Sent as it is. */
  ask(
    target: string,
    { method = 'GET', headers = {}, body, address = '127.0.0.1' }: Sent = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const own = { host: `localhost:${this.port}`, ...headers };
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const request = send(
        {
          host: address,
          port: this.port,
          path: target,
          method,
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => resolve(answerOf(response.statusCode!, response.headers, chunks)));
        },
      );
      request.on('error', reject);
      // Not as an option: there, a host could not be sent twice.
      for (const [name, value] of Object.entries({ ...own, ...length })) request.setHeader(name, value);
      request.end(body);
    });
  }

  /** As the page sends it. */
  post(target: string, body: unknown, headers: NonNullable<Sent['headers']> = {}): Promise<Answer> {
    const own = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' };
    return this.ask(target, { method: 'POST', body: JSON.stringify(body), headers: { ...own, ...headers } });
  }
}

function answerOf(status: number, headers: IncomingHttpHeaders, chunks: readonly Buffer[]): Answer {
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  return {
    status,
    headers,
    bytes,
    text,
    get json() {
      return JSON.parse(text) as unknown;
    },
  };
}

/** The header of a name and a password. */
export function basic(user: string, password: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

export function isPage({ status, headers, text }: Answer): boolean {
  return (
    status === 200 &&
    headers['content-type'] === 'text/html; charset=utf-8' &&
    text.includes('<div id="app">')
  );
}
