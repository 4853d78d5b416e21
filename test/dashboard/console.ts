import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import type { TestingModuleBuilder } from '@nestjs/testing';
import { IsString, MinLength } from 'class-validator';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import {
  DistributedJobFactory,
  DistributedJobs,
  selfTm,
  Step,
  SteppingOperations,
  type JobInfo,
  type SelfTmOptions,
  type StepContext,
  type StepHandler,
  type SteppingModuleOptions,
} from 'nestjs-stepping';
import {
  SteppingDashboardModule,
  type DashboardAccess,
  type DashboardOptions,
  type DashboardRequest,
} from 'nestjs-stepping/dashboard';
import { connect, startApplication } from '../support/application.js';
import { describeBackends, type Backend } from '../support/database.js';
import { Databases } from '../support/placements.js';
import { Recording } from '../support/recording.js';
import { waitFor } from '../support/wait-for.js';

/** Fails for good with its first failure. */
@Step({ name: 'charge', retry: { maxAttempts: 1 } })
export class Charge implements StepHandler<object> {
  constructor(private readonly recording: Recording) {}
  async execute(args: object, context: StepContext): Promise<void> {
    await this.recording.note('charge', args, context);
  }
}

export class Credentials {
  @IsString() user!: string;
  @MinLength(20, { message: '$value is too short' }) password!: string;
}

/** Takes only some arguments, and says which it was given. */
@Step({ name: 'log-in', args: Credentials, retry: { maxAttempts: 1 } })
export class LogIn implements StepHandler<Credentials> {
  constructor(private readonly recording: Recording) {}
  async execute(args: Credentials, context: StepContext): Promise<void> {
    await this.recording.note('log-in', args, context);
  }
}

export interface ConsoleParts {
  readonly dashboard?: DashboardOptions;
  readonly selfTm?: SelfTmOptions;
  readonly module?: Omit<SteppingModuleOptions, 'transactionManager'>;
  readonly customize?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
}

const FAST: SelfTmOptions = {
  recoveryInterval: 50,
  leaseDuration: '1h',
  gracePeriod: 2000,
  monitoring: { heartbeat: 100, flush: 100 },
};

export interface ConsoleAnswer {
  readonly status: number;
  readonly text: string;
  /** Of JSON. */
  readonly json: any;
}

/** Who asks: `read`, or actions with commas between them. Default: everybody may do everything. */
type Role = string;

/** An application with the dashboard, where the header `x-role` says what somebody may do. */
export class Console {
  private constructor(
    readonly app: INestApplication,
    readonly recording: Recording,
    private readonly base: string,
  ) {}

  static async start(databases: Databases, parts: ConsoleParts = {}): Promise<Console> {
    const place = await databases.dtmPlace();
    const { context, recording } = await startApplication({
      dataSource: await connect(databases.business, { name: 'default' }),
      module: {
        requireTransaction: false,
        ...parts.module,
        transactionManager: place?.strategy() ?? selfTm({ ...FAST, ...parts.selfTm }),
      },
      providers: [Charge, LogIn],
      imports: [
        SteppingDashboardModule.forRoot({ access: accessOf, actor: () => 'ada', ...parts.dashboard }),
      ],
      customize: parts.customize,
      listen: async (testing) => {
        const app = place
          ? ((await place.listen(testing)) as INestApplication)
          : testing.createNestApplication();
        // Callbacks over gRPC have a server of their own.
        if (!(app.getHttpServer() as Server).listening) await app.listen(0, '127.0.0.1');
        return app;
      },
    });
    const app = context as INestApplication;
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new Console(app, recording, `http://127.0.0.1:${port}`);
  }

  get jobs(): DistributedJobs {
    return this.app.get(DistributedJobs);
  }

  get operations(): SteppingOperations {
    return this.app.get(SteppingOperations);
  }

  async ask(path: string, query: Readonly<Record<string, string>> = {}, role?: Role): Promise<ConsoleAnswer> {
    return this.send(`${path}?${new URLSearchParams(query).toString()}`, {}, role);
  }

  /** As it is, whatever the query. */
  async askRaw(target: string): Promise<ConsoleAnswer> {
    return this.send(target, {});
  }

  async post(path: string, body: unknown, role?: Role): Promise<ConsoleAnswer> {
    const headers = { 'content-type': 'application/json', origin: this.base };
    return this.send(path, { method: 'POST', body: JSON.stringify(body), headers }, role);
  }

  async start(step: string, args: unknown, name?: string): Promise<string> {
    const job = this.app.get(DistributedJobFactory).createJob(name === undefined ? {} : { name });
    return (await job.addStep(step, args).start()).gid;
  }

  /** Every step fails with this from now on; with nothing, every step succeeds. */
  failWith(message?: string): void {
    this.recording.onExecute = () => {
      if (message !== undefined) throw new Error(message);
    };
  }

  /** A job that has failed at its only step. */
  async failed(step: string, args: unknown, message = 'no'): Promise<string> {
    this.failWith(message);
    const gid = await this.start(step, args);
    await this.reached(gid, 'failed');
    return gid;
  }

  reached(gid: string, status: JobInfo['status']): Promise<JobInfo> {
    return waitFor(
      async () => {
        const job = await this.jobs.find(gid);
        return job?.status === status ? job : undefined;
      },
      { message: async () => ({ wanted: status, found: await this.jobs.find(gid) }) },
    );
  }

  async close(): Promise<void> {
    await this.app.close();
  }

  private async send(target: string, init: RequestInit, role?: Role): Promise<ConsoleAnswer> {
    const headers = { ...(init.headers as object), ...(role !== undefined && { 'x-role': role }) };
    const response = await fetch(`${this.base}/stepping/api/${target}`, { ...init, headers });
    const text = await response.text();
    return {
      status: response.status,
      text,
      get json() {
        return JSON.parse(text) as unknown;
      },
    };
  }
}

function accessOf({ headers }: DashboardRequest): DashboardAccess {
  const role = headers['x-role'] as string | undefined;
  if (role === undefined) return 'write';
  return role === 'read' ? 'read' : { actions: role.split(',') as ('retry' | 'edit')[] };
}

/** Tests on a console and its databases, on every backend. `take` gets it before the first of them; before each, steps succeed again. */
export function describeConsole(
  title: string,
  take: (page: Console, databases: Databases) => void,
  suite: (backend: Backend) => void,
): void {
  describeBackends(title, (backend) => {
    let databases: Databases;
    let page: Console;
    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      page = await Console.start(databases);
      take(page, databases);
    });
    afterAll(async () => {
      await page?.close();
      await databases?.drop();
    });
    beforeEach(() => page.failWith());
    suite(backend);
  });
}
