import type { DataSourceOptions } from 'typeorm';
import type { BrakeOptions, SelfTmOptions } from '../../lib/index.js';
import type { SteppingTelemetryOptions } from '../../lib/opentelemetry/index.js';
import type { DtmOptions } from '../../lib/tm/dtm/index.js';
import { startApp, type AppProcess } from './child-process.js';
import type { ExtraOptions } from './database.js';
import { waitFor } from './wait-for.js';
import type { Databases } from './placements.js';
import type { DtmPlace } from './dtm/dtm-place.js';

/** A step of a child process, as it began, ended or was told to stop. */
export interface StepMessage {
  readonly type: 'begin' | 'end' | 'abort';
  /** Milliseconds on a clock that all processes share. */
  readonly at: number;
  readonly process: string;
  readonly gid: string;
  readonly step: string;
  readonly index: number;
  readonly attempt: number;
  /** Of an abort: the name of the error. */
  readonly reason?: string;
}

/** Where a process crashes, stops, or does not go on with a job; see `test/apps/support/faults.ts`. */
export interface WorkerFault {
  readonly point: string;
  readonly gid?: string;
  readonly action?: 'crash' | 'stop' | 'stall' | 'note';
  readonly passage?: number;
}

export interface WorkerOptions {
  readonly name?: string;
  readonly selfTm?: SelfTmOptions;
  readonly brake?: BrakeOptions;
  /** Where the jobs are, if they are at DTM. */
  readonly place?: DtmPlace | undefined;
  /** Laid over the settings of DTM. */
  readonly dtm?: Partial<DtmOptions>;
  readonly faults?: readonly WorkerFault[];
  /** The process reports its spans as messages of the type `span`. */
  readonly telemetry?: SteppingTelemetryOptions;
  /** How wrong the clock of the process is, in milliseconds. */
  readonly clockOffset?: number;
  /** The time zone of the process. */
  readonly timeZone?: string;
  /** MariaDB: the time zone of its sessions. */
  readonly sessionTimeZone?: string;
  /** Laid over the options of both `DataSource`s. */
  readonly dataSource?: ExtraOptions;
}

/** Starts `test/apps/worker.ts` on the databases of a test. Their tables must be there. */
export function startWorker(databases: Databases, options: WorkerOptions = {}): AppProcess {
  const connection = (database: Databases['store']): DataSourceOptions =>
    database.dataSourceOptions(options.dataSource);
  const { business, store, placement } = databases;
  const { place } = options;
  const settings = {
    business: connection(business),
    ...(placement === 'two' && { store: connection(store) }),
    ...(place && { dtm: place.options(options.dtm), port: place.port }),
    selfTm: options.selfTm,
    brake: options.brake,
    faults: options.faults,
    telemetry: options.telemetry,
    sessionTimeZone: options.sessionTimeZone,
  };
  return startApp('worker', {
    env: {
      WORKER: JSON.stringify(settings),
      WORKER_NAME: options.name ?? 'worker',
      CLOCK_OFFSET_MS: String(options.clockOffset ?? 0),
      ...(options.timeZone !== undefined && { TZ: options.timeZone }),
    },
  });
}

export async function workerReady(worker: AppProcess): Promise<AppProcess> {
  await worker.waitForMessage((message) => message.type === 'ready');
  return worker;
}

/** What the steps of a job did in this process. */
export function stepMessages(
  worker: AppProcess,
  gid: string,
  type: StepMessage['type'] = 'begin',
): StepMessage[] {
  return worker.messages.filter((message) => message.type === type && message.gid === gid) as StepMessage[];
}

/** The places in the job of the steps that began in this process, in their order. */
export function indexes(worker: AppProcess, gid: string): number[] {
  return stepMessages(worker, gid).map(({ index }) => index);
}

/** Waits until the process has come to so many of its fault points. */
export async function faultsReached(worker: AppProcess, count: number): Promise<void> {
  const reached = () => worker.messages.filter((message) => message.type === 'fault');
  await waitFor(() => reached().length >= count, {
    message: () => `${count} fault points; reached: ${JSON.stringify(reached())}\n${worker.log}`,
  });
}
