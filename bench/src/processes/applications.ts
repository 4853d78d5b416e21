// A process of the measured fleet, with one application or several. Its parent sends it commands.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedJobFactory, selfTm, Step, SteppingModule, SteppingOperations } from 'nestjs-stepping';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Command, Report, ProcessSettings } from './fleet.ts';
import { StatementCounter } from './statement-counter.ts';

const settings = JSON.parse(process.argv[2]!) as ProcessSettings;
const counter = new StatementCounter();
const PRODUCERS = 32;
let ran = 0;
/** Milliseconds from the call of `start()` to the step. Both clocks are this machine's. */
let delays: number[] = [];

class Work {
  execute({ at }: { at: number }): void {
    ran += 1;
    delays.push(Date.now() - at);
  }
}
Step('work')(Work);

/** Waits for something else, and holds a lease meanwhile. */
class Wait {
  async execute({ ms }: { ms: number }, { signal }: { signal: AbortSignal }): Promise<void> {
    await sleep(ms, undefined, { signal });
    ran += 1;
  }
}
Step('wait')(Wait);

interface Application {
  readonly dataSource: DataSource;
  readonly jobs: DistributedJobFactory;
  readonly operations: SteppingOperations;
  close(): Promise<void>;
}

const applications: Application[] = [];
let scraping: NodeJS.Timeout[] = [];

async function open(): Promise<Application> {
  const { kind, url, poolSize, runSteps } = settings;
  const dataSource = await new DataSource({
    type: kind === 'postgres' ? 'postgres' : 'mysql',
    url,
    poolSize,
  } as DataSourceOptions).initialize();
  class BenchModule {}
  Module({
    imports: [SteppingModule.forRoot({ transactionManager: selfTm({ runSteps }) })],
    providers: [{ provide: DataSource, useValue: dataSource }, Work, Wait],
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['error'] });
  return {
    dataSource,
    jobs: app.get(DistributedJobFactory),
    operations: app.get(SteppingOperations),
    close: async () => {
      await app.close();
      await dataSource.destroy();
    },
  };
}

/** Starts jobs at a steady rate, in one application after the other. Returns how many. */
async function load(perSecond: number, seconds: number): Promise<number> {
  const begin = performance.now();
  const count = Math.round(perSecond * seconds);
  const starting: Promise<unknown>[] = [];
  for (let at = 0; at < count; at += 1) {
    const wait = begin + (at * 1000) / perSecond - performance.now();
    if (wait > 0) await sleep(wait);
    const { jobs } = applications[at % applications.length]!;
    starting.push(jobs.createJob({ transaction: 'none' }).addStep(Work, { at: Date.now() }).start());
  }
  await Promise.all(starting);
  return count;
}

/** Starts jobs at once, in each application, that become due after `delay` milliseconds and run for `ms`. */
async function wait(jobsEach: number, ms: number, delay: number): Promise<number> {
  const start = async ({ jobs }: Application): Promise<void> => {
    let left = jobsEach;
    const producer = async (): Promise<void> => {
      while (left-- > 0) await jobs.createJob({ transaction: 'none', delay }).addStep(Wait, { ms }).start();
    };
    await Promise.all(Array.from({ length: PRODUCERS }, producer));
  };
  await Promise.all(applications.map(start));
  return jobsEach * applications.length;
}

/** Asks every application for its metrics again and again, not all at the same time. */
function scrape(everyMs: number): number {
  for (const timer of scraping) clearTimeout(timer);
  scraping = [];
  if (everyMs > 0) for (const { operations } of applications) scrapeOne(operations, everyMs, Math.random());
  return applications.length;
}

function scrapeOne(operations: SteppingOperations, everyMs: number, part: number): void {
  const at = scraping.length;
  scraping[at] = setTimeout(() => {
    void operations.prometheus().catch(console.error);
    scraping[at] = setInterval(() => void operations.prometheus().catch(console.error), everyMs);
  }, everyMs * part);
}

async function close(): Promise<number> {
  scrape(0);
  await Promise.all(applications.map((application) => application.close()));
  return applications.length;
}

async function run(command: Command): Promise<number> {
  switch (command.name) {
    case 'open':
      for (let at = 0; at < settings.applications; at += 1) applications.push(await open());
      return applications.length;
    case 'load':
      return load(command.perSecond, command.seconds);
    case 'wait':
      return wait(command.jobsEach, command.ms, command.delay);
    case 'scrape':
      return scrape(command.everyMs);
    case 'take':
      return 0;
    case 'close':
      return close();
  }
}

process.on('message', (command: Command) => {
  void run(command)
    .then((count): Report => {
      if (command.name !== 'take') return { count };
      const taken = { counted: counter.take(), ran, delays };
      ran = 0;
      delays = [];
      return { count, taken };
    })
    .catch((error: unknown): Report => ({
      count: 0,
      error: error instanceof Error ? error.stack! : String(error),
    }))
    .then((report) => process.send!(report))
    .then(() => {
      if (command.name === 'close') process.disconnect!();
    });
});
