import type { ModuleMetadata, Provider } from '@nestjs/common';
import { SteppingEventBus } from '../../core/events/event-bus.js';
import { DistributedJobs } from '../../core/jobs/job-info.js';
import { refuseUnknown } from '../../core/options.js';
import { provide } from '../../core/provide.js';
import { StepExecutor } from '../../core/steps/step.executor.js';
import { TransactionManager, type TransactionManagerStrategy } from '../../core/transaction-manager.js';
import { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { InvalidOptionError } from '../../errors/index.js';
import { CallbackSignature } from './callback-signature.js';
import { DtmAdminClient } from './dtm-admin.client.js';
import { DtmClient } from './dtm.client.js';
import { DtmRequestFactory } from './dtm-request.factory.js';
import { DtmStepService } from './dtm-step.service.js';
import { DtmDistributedJobs } from './dtm.distributed-jobs.js';
import { DtmCallbacksUnprotectedError } from './dtm.errors.js';
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
import { httpCallbackController } from './http-callback.controller.js';
import { HttpDtmClient } from './http-dtm.client.js';
import { PreparedQueryService } from './prepared-query.service.js';

/**
 * Settings of `dtm()` from a factory. Protocol and path stand beside it, since they decide about a controller,
 * which must be known before any factory runs.
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
 * @throws InvalidOptionError for settings that cannot be. Without `secrets` and in production the application does
 * not start: DtmCallbacksUnprotectedError.
 * @publicApi
 */
export function dtm(options: DtmOptions | DtmAsyncOptions): TransactionManagerStrategy {
  const isAsync = 'useFactory' in options;
  if (isAsync) refuseUnknown(options, 'dtm', ASYNC_OPTIONS);
  const { protocol = 'http', callbackPath = DEFAULT_CALLBACK_PATH } = options;
  const resolve = (given: DtmServerOptions) => {
    const misplaced = ['protocol', 'callbackPath'].find((name) => name in given);
    if (misplaced !== undefined) {
      const place = `nothing from a factory: it stands beside it, as in dtm({ ${misplaced}, useFactory })`;
      throw new InvalidOptionError(`dtm.${misplaced}`, undefined, place);
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
    controllers: protocol === 'http' ? [httpCallbackController(callbackPath)] : [],
    providers: [settings, ...providers],
  };
}

const providers: readonly Provider[] = [
  {
    provide: CallbackSignature,
    useFactory: ({ secrets, allowUnsigned }: ResolvedDtmOptions) => {
      const production = process.env.NODE_ENV === 'production';
      if (production && secrets.length === 0 && !allowUnsigned) throw new DtmCallbacksUnprotectedError();
      return new CallbackSignature(secrets);
    },
    inject: [DTM_OPTIONS],
  },
  {
    provide: DtmClient,
    useFactory: (options: ResolvedDtmOptions) =>
      options.protocol === 'http' ? new HttpDtmClient(options) : new GrpcDtmClient(options),
    inject: [DTM_OPTIONS],
  },
  provide(DtmAdminClient, DTM_OPTIONS),
  provide(ExistingJobs, DtmAdminClient),
  provide(DtmRequestFactory, DTM_OPTIONS, CallbackSignature),
  provide(PreparedQueryService, TypeOrmDatabases, CallbackSignature),
  provide(DtmStepService, DTM_OPTIONS, StepExecutor, CallbackSignature, SteppingEventBus),
  provide(GrpcCallbackServer, DTM_OPTIONS, PreparedQueryService, DtmStepService),
  {
    ...provide(
      DtmTransactionManager,
      DTM_OPTIONS,
      DtmClient,
      DtmRequestFactory,
      ExistingJobs,
      DtmStepService,
      GrpcCallbackServer,
      SteppingEventBus,
    ),
    provide: TransactionManager,
  },
  {
    ...provide(DtmDistributedJobs, DtmAdminClient, TypeOrmDatabases, DtmClient, SteppingEventBus),
    provide: DistributedJobs,
  },
];
