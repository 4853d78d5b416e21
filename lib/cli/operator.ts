import type { ModuleRef } from '@nestjs/core';
import { SteppingEventBus } from '../core/events/event-bus.js';
import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import { Payloads } from '../core/payloads/payloads.js';
import { ArgumentsValidator } from '../core/steps/arguments-validator.js';
import { AttemptRunner } from '../core/steps/attempt.runner.js';
import { StepArgumentsSerializer } from '../core/steps/step-arguments.serializer.js';
import { StepExecutor } from '../core/steps/step.executor.js';
import { StepRegistry } from '../core/steps/step.registry.js';
import { JobTelemetry } from '../core/telemetry/job-telemetry.js';
import { within } from '../core/within.js';
import { errorText } from '../errors/error-text.js';
import { resolveSteppingOptions } from '../stepping.options.js';
import type { TableOptions } from '../store/table-names.js';
import { SelfDistributedJobs } from '../tm/self/self.distributed-jobs.js';
import { SelfSteppingOperations } from '../tm/self/self.stepping-operations.js';
import { SelfTransactionManager } from '../tm/self/self.transaction-manager.js';
import type { SelfTmRuntime } from '../tm/self/self-tm.runtime.js';
import { resolveSelfTmOptions } from '../tm/self/self-tm.options.js';
import { selfTmServices } from '../tm/self/self-tm.strategy.js';
import { BarrierSteps } from '../transactions/barrier-steps.js';
import { DataSourceRegistry } from '../transactions/data-source.registry.js';
import { TransactionalStepRunner } from '../transactions/transactional-step.runner.js';
import { TypeOrmDatabases, type DatabaseAccess } from '../transactions/typeorm-databases.js';
import { ConnectionError } from './program.errors.js';
import type { ClosedDataSource } from './data-source.js';

/** Drivers have bounds of their own for a server that does not answer; this one is for what they forget. */
const CONNECT_MS = 20_000;
const CLOSE_MS = 5_000;

/** The jobs of an application, seen from outside of it. */
export interface Operator {
  readonly jobs: DistributedJobs;
  readonly operations: SteppingOperations;
  /** How statements reach the database; its tables may be missing. */
  readonly database: DatabaseAccess;
  /** The parts of the self-TM, of which none runs. */
  store(): Promise<SelfTmRuntime>;
  /** Sends what is to be sent, and closes the connections. */
  close(): Promise<void>;
}

/**
 * Connects to the database of the jobs, without an application: it provides no step, so it runs none, and it listens to nothing.
 *
 * The tables are checked when the jobs are first asked for.
 *
 * @throws ConnectionError; InvalidOptionError for tables that cannot be.
 */
export async function openOperator(dataSource: ClosedDataSource, tables: TableOptions): Promise<Operator> {
  const options = resolveSteppingOptions({ autoMigrate: false, tables, logStatements: false });
  const registry = DataSourceRegistry.ofOne(dataSource);
  const databases = new TypeOrmDatabases(registry, options.tables, false, false);
  const manager = await managerOver(databases, options);
  // Before the connection is there: the store is opened when it is asked for, not now.
  await manager.initialize();
  await connect(dataSource);
  return {
    jobs: new SelfDistributedJobs(manager),
    operations: new SelfSteppingOperations(manager),
    database: databases.access(dataSource),
    store: () => manager.runtime(),
    close: async () => {
      const closed = manager.stop().then(() => dataSource.destroy());
      await within(CLOSE_MS, closed).catch(() => undefined);
    },
  };
}

async function managerOver(
  databases: TypeOrmDatabases,
  options: ReturnType<typeof resolveSteppingOptions>,
): Promise<SelfTransactionManager> {
  const registry = new StepRegistry();
  const serializer = new StepArgumentsSerializer(await ArgumentsValidator.load());
  const attempts = new AttemptRunner(serializer);
  const transactional = new TransactionalStepRunner(attempts, databases);
  const payloads = new Payloads(undefined, () => false, true);
  const barriers = new BarrierSteps(transactional, databases);
  const telemetry = new JobTelemetry();
  const executor = new StepExecutor(registry, attempts, barriers, payloads, telemetry, options);
  const services = selfTmServices(
    options,
    databases,
    registry,
    serializer,
    executor,
    attempts,
    transactional,
    payloads,
    new SteppingEventBus(),
    telemetry,
    NO_MODULES,
  );
  return new SelfTransactionManager(
    resolveSelfTmOptions({ store: 'typeorm', runSteps: false }),
    services,
    false,
  );
}

/** There is no application whose timers could be registered. */
const NO_MODULES = { get: () => undefined } as unknown as ModuleRef;

async function connect(dataSource: ClosedDataSource): Promise<void> {
  const where = placeOf(dataSource);
  let connected: true | undefined;
  try {
    connected = await within(
      CONNECT_MS,
      dataSource.initialize().then(() => true as const),
    );
  } catch (error) {
    throw new ConnectionError(`Cannot connect to ${where}: ${errorText(error)}`, { cause: error });
  }
  if (!connected)
    throw new ConnectionError(`Cannot connect to ${where}: no answer within ${CONNECT_MS / 1000} s.`);
}

/** Without user and password. */
function placeOf({ options }: ClosedDataSource): string {
  const url: unknown = options['url'];
  if (typeof url === 'string' && URL.canParse(url)) {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  }
  return [options.type, options['host'], options['database']]
    .filter((part) => typeof part === 'string')
    .join(' ');
}
