import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { afterEach, expect, it } from 'vitest';
import {
  DistributedJobs,
  SteppingOperations,
  type FleetHealth,
  type RecoveryState,
} from '../../../../lib/index.js';
import { SteppingHealthIndicator } from '../../../../lib/terminus/index.js';

// The installed version; `test/package` asks 10, 11 and 12 the same.

let app: INestApplication | undefined;
afterEach(() => app?.close());

interface Answer {
  readonly code: number;
  readonly body: { readonly status: string; readonly details: Record<string, Record<string, unknown>> };
}

async function ask(health: FleetHealth, recovery: RecoveryState): Promise<Answer> {
  @Controller('health')
  class HealthController {
    constructor(
      private readonly health: HealthCheckService,
      private readonly stepping: SteppingHealthIndicator,
    ) {}

    @Get()
    @HealthCheck()
    check() {
      return this.health.check([
        () => this.stepping.readiness('store'),
        () => this.stepping.fleet('jobs', { degradedAfter: '5m' }),
      ]);
    }
  }
  @Module({
    imports: [TerminusModule.forRoot({ logger: false })],
    controllers: [HealthController],
    providers: [
      SteppingHealthIndicator,
      { provide: DistributedJobs, useValue: { recovery: () => recovery } },
      { provide: SteppingOperations, useValue: { health: async () => health } },
    ],
  })
  class HealthModule {}
  app = await NestFactory.create(HealthModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/health`);
  return { code: response.status, body: (await response.json()) as Answer['body'] };
}

const READY = { lastRunAt: new Date(), error: null };
const UP: FleetHealth = { status: 'up', problems: [] };

it('answers 200 when all is well', async () => {
  const { code, body } = await ask(UP, READY);
  expect(code).toBe(200);
  expect(body).toMatchObject({
    status: 'ok',
    details: { store: { status: 'up' }, jobs: { status: 'up' } },
  });
});

it('answers 503 when nobody looks for due jobs, and says why', async () => {
  const problem = { code: 'NO_WORKERS', text: 'No live process runs steps.' } as const;
  const { code, body } = await ask({ status: 'down', problems: [problem] }, READY);
  expect(code).toBe(503);
  expect(body.details.jobs).toMatchObject({ status: 'down', message: problem.text, problems: [problem] });
});

it('answers 200 when jobs wait for too long, and shows it', async () => {
  const problem = { code: 'JOBS_WAIT_TOO_LONG', text: 'A job waits.', step: 'ping' } as const;
  const { code, body } = await ask({ status: 'degraded', problems: [problem] }, READY);
  expect(code).toBe(200);
  expect(body).toMatchObject({
    status: 'degraded',
    details: { jobs: { status: 'degraded', problems: [problem] } },
  });
});

it.each([
  ['the store has not been reached yet', { lastRunAt: null, error: null }, 503],
  ['it was never reached', { lastRunAt: null, error: new Error('refused') }, 503],
  ['it is away for long', { lastRunAt: new Date(Date.now() - 61_000), error: new Error('refused') }, 503],
  ['it went away a moment ago', { lastRunAt: new Date(), error: new Error('refused') }, 200],
  ['recovery runs seldom', { lastRunAt: new Date(Date.now() - 3_000_000), error: null }, 200],
])('tells whether the process is ready: %s', async (_title, recovery, expected) => {
  const { code, body } = await ask(UP, recovery);
  expect(code).toBe(expected);
  expect(body.details.store!.status).toBe(expected === 200 ? 'up' : 'down');
});
