import type { ModuleMetadata, Provider } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { SteppingEventBus } from '../../core/events/event-bus.js';
import { DistributedJobs } from '../../core/jobs/distributed-jobs.js';
import { refuseUnknown, requireOptions } from '../../core/options.js';
import { SteppingOperations } from '../../core/operations/stepping-operations.js';
import { Payloads } from '../../core/payloads/payloads.js';
import { provide } from '../../core/provide.js';
import { StepExecutor } from '../../core/steps/step.executor.js';
import { TransactionManager, type TransactionManagerStrategy } from '../../core/transaction-manager.js';
import { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { InvalidOptionError } from '../../errors/index.js';
import { STEPPING_RESOLVED_OPTIONS } from '../../stepping.constants.js';
import { CallbackServer } from './callback-server.js';
import { CallbackSignature } from './callback-signature.js';
import { DtmAdminClient } from './dtm-admin.client.js';
import { DtmClient } from './dtm.client.js';
import { DtmCallbacks } from './dtm-callbacks.js';
import { DtmRequestFactory } from './dtm-request.factory.js';
import { DtmStepService } from './dtm-step.service.js';
import { DtmSteppingOperations } from './dtm.stepping-operations.js';
import { DtmDistributedJobs } from './dtm.distributed-jobs.js';
import {
  DEFAULT_CALLBACK_PATH,
  resolveDtmOptions,
  type DtmOptions,
  type DtmServerOptions,
  type ResolvedDtmOptions,
} from './dtm.options.js';
import { DtmTransactionManager } from './dtm.transaction-manager.js';
import { ExistingJobs } from './existing-jobs.js';
import { GrpcCallbackServer } from './grpc-callback.server.js';
import { GrpcDtmClient } from './grpc-dtm.client.js';
import { HttpCallbackServer } from './http-callback.server.js';
import { HttpDtmClient } from './http-dtm.client.js';
import { JobTransactions } from './job-transactions.js';
import { OwnJobs } from './own-jobs.js';
import { PreparedQueryService } from './prepared-query.service.js';

/**
 * Settings of `dtm()` from a factory. Protocol and path stand beside it: they belong to the application, not to where it
 * runs.
 *
 * @publicApi
 */
export interface DtmAsyncOptions
  extends Pick<DtmOptions, 'protocol' | 'callbackPath'>, Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is called with. */
  readonly inject?: any[];
  /** Makes the settings. */
  readonly useFactory: (...args: any[]) => Promise<DtmServerOptions> | DtmServerOptions;
}

const ASYNC_OPTIONS = ['imports', 'inject', 'useFactory', 'protocol', 'callbackPath'];

/** Token of the resolved options. */
const DTM_OPTIONS = Symbol('DTM_OPTIONS');

/**
 * A DTM server as the transaction manager: `SteppingModule.forRoot({ transactionManager: dtm({ ... }) })`. DTM keeps
 * the jobs and calls this application back for their steps, over HTTP or gRPC.
 *
 * The protocol is DTM's two-phase message; see https://en.dtm.pub/practice/msg.html.
 *
 * @throws InvalidOptionError for settings that cannot be. Without `secrets` and `allowUnsigned` the application does not
 * start: DtmCallbacksUnprotectedError.
 * @publicApi
 */
export function dtm(options: DtmOptions | DtmAsyncOptions): TransactionManagerStrategy {
  requireOptions(options, 'dtm');
  const isAsync = 'useFactory' in options;
  if (isAsync) refuseUnknown(options, 'dtm', ASYNC_OPTIONS);
  const { protocol = 'http', callbackPath = DEFAULT_CALLBACK_PATH } = options;
  const resolve = (given: DtmServerOptions) => {
    requireOptions(given, 'dtm');
    const misplaced = (['protocol', 'callbackPath'] as const).find((name) => name in given);
    if (misplaced !== undefined) {
      const place = `nothing from a factory: it stands beside it, as in dtm({ ${misplaced}, useFactory })`;
      throw new InvalidOptionError(`dtm.${misplaced}`, (given as DtmOptions)[misplaced], place);
    }
    return resolveDtmOptions({ ...given, protocol, callbackPath });
  };
  const settings: Provider = isAsync
    ? {
        provide: DTM_OPTIONS,
        useFactory: async (...args: unknown[]) => resolve(await options.useFactory(...args)),
        inject: options.inject ?? [],
      }
    : // Mistakes show where they are made, not when the application starts.
      { provide: DTM_OPTIONS, useValue: resolveDtmOptions(options) };
  return {
    name: 'DTM',
    imports: isAsync ? (options.imports ?? []) : [],
    providers: [settings, ...providers],
  };
}

const providers: readonly Provider[] = [
  {
    provide: CallbackSignature,
    useFactory: ({ secrets }: ResolvedDtmOptions) => new CallbackSignature(secrets),
    inject: [DTM_OPTIONS],
  },
  {
    provide: DtmClient,
    useFactory: (options: ResolvedDtmOptions) =>
      options.protocol === 'http' ? new HttpDtmClient(options) : new GrpcDtmClient(options),
    inject: [DTM_OPTIONS],
  },
  provide(DtmAdminClient, DTM_OPTIONS),
  provide(OwnJobs, DTM_OPTIONS, CallbackSignature),
  provide(ExistingJobs, DtmAdminClient, OwnJobs, Payloads),
  provide(DtmRequestFactory, DTM_OPTIONS, CallbackSignature, STEPPING_RESOLVED_OPTIONS),
  provide(JobTransactions, TypeOrmDatabases),
  provide(PreparedQueryService, JobTransactions, CallbackSignature),
  provide(
    DtmStepService,
    DTM_OPTIONS,
    StepExecutor,
    JobTransactions,
    CallbackSignature,
    Payloads,
    SteppingEventBus,
  ),
  provide(DtmCallbacks, DTM_OPTIONS, PreparedQueryService, DtmStepService, CallbackSignature),
  {
    provide: CallbackServer,
    useFactory: (
      options: ResolvedDtmOptions,
      callbacks: DtmCallbacks,
      host: HttpAdapterHost,
      config: ApplicationConfig,
    ) =>
      options.protocol === 'http'
        ? new HttpCallbackServer(options, callbacks, host, config)
        : new GrpcCallbackServer(options, callbacks),
    inject: [DTM_OPTIONS, DtmCallbacks, HttpAdapterHost, ApplicationConfig],
  },
  {
    ...provide(
      DtmTransactionManager,
      DTM_OPTIONS,
      DtmClient,
      DtmRequestFactory,
      ExistingJobs,
      JobTransactions,
      DtmCallbacks,
      CallbackServer,
      SteppingEventBus,
    ),
    provide: TransactionManager,
  },
  {
    ...provide(
      DtmDistributedJobs,
      DtmAdminClient,
      OwnJobs,
      TypeOrmDatabases,
      DtmClient,
      Payloads,
      SteppingEventBus,
    ),
    provide: DistributedJobs,
  },
  { provide: SteppingOperations, useClass: DtmSteppingOperations },
];
