import type { Metadata, Server, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { LineLogger } from '../../core/line-logger.js';
import { GRPC_SERVICE, QUERY_SIGNATURE, QUERY_TOKEN } from './callback-addresses.js';
import type { CallbackAnswer } from './dtm-callback.js';
import type { DtmStepService } from './dtm-step.service.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { loadGrpc, type GrpcModule } from './grpc-dtm.client.js';
import { parseJson } from './json.js';
import type { PreparedQueryService } from './prepared-query.service.js';
import { errorText } from '../../errors/error-text.js';

type Call = ServerUnaryCall<Buffer, Buffer>;

/** A whole job is at most 4 MiB at DTM, and a step is a part of it. */
const MAX_MESSAGE_BYTES = 5 * 1024 * 1024;

/** Bytes in, nothing out: payloads are the library's own JSON, and DTM ignores the replies. */
const METHOD = {
  requestStream: false,
  responseStream: false,
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
} as const;

const REPLIES = {
  failure: ['ABORTED', 'FAILURE'],
  ongoing: ['FAILED_PRECONDITION', 'ONGOING'],
  unauthenticated: ['UNAUTHENTICATED', 'the signature is not accepted'],
  invalid: ['INVALID_ARGUMENT', 'not a call of DTM for a two-phase message'],
  error: ['UNKNOWN', 'see the log of the application'],
} as const;

/** The gRPC server that DTM calls; it runs as long as the application does. */
export class GrpcCallbackServer {
  private readonly logger = new LineLogger('DtmCallbacks');
  private server: Server | undefined;

  constructor(
    private readonly options: ResolvedDtmOptions,
    private readonly queries: PreparedQueryService,
    private readonly steps: DtmStepService,
  ) {}

  /** Does nothing with HTTP callbacks. Rejects when the address cannot be bound: DTM's calls would fail. */
  async start(): Promise<void> {
    const { listen } = this.options;
    if (listen === false) return;
    const grpc = await loadGrpc();
    const server = new grpc.Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
    server.addService(
      {
        QueryPrepared: { ...METHOD, path: `/${GRPC_SERVICE}/QueryPrepared` },
        Step: { ...METHOD, path: `/${GRPC_SERVICE}/Step` },
      },
      {
        QueryPrepared: (call: Call, reply: sendUnaryData<Buffer>) => this.query(grpc, call, reply),
        Step: (call: Call, reply: sendUnaryData<Buffer>) => this.step(grpc, call, reply),
      },
    );
    await new Promise<void>((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure();
      server.bindAsync(listen, credentials, (error) => (error ? reject(error) : resolve()));
    });
    this.server = server;
  }

  /** Takes no more calls; resolves when those under way are answered. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  }

  private query(grpc: GrpcModule, { metadata }: Call, reply: sendUnaryData<Buffer>): void {
    const answer = this.queries.answer({
      ...callOf(metadata),
      token: only(metadata, QUERY_TOKEN),
      signature: only(metadata, QUERY_SIGNATURE),
    });
    this.reply(grpc, answer, reply);
  }

  private step(grpc: GrpcModule, call: Call, reply: sendUnaryData<Buffer>): void {
    const deadline = call.getDeadline();
    const remaining = (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
    const answer = this.steps.answer({
      ...callOf(call.metadata),
      payload: parseJson(call.request.toString()),
      remaining,
    });
    this.reply(grpc, answer, reply);
  }

  private reply(grpc: GrpcModule, answer: Promise<CallbackAnswer>, reply: sendUnaryData<Buffer>): void {
    const { status } = grpc;
    answer.then(
      (result) => {
        if (result === 'success') return reply(null, Buffer.alloc(0));
        const [code, details] = REPLIES[result];
        reply({ code: status[code], details });
      },
      (error: unknown) => {
        this.logger.error(`A callback of DTM could not be answered: ${errorText(error)}`);
        reply({ code: status.INTERNAL, details: 'see the log of the application' });
      },
    );
  }
}

function callOf(metadata: Metadata) {
  return {
    gid: only(metadata, 'dtm-gid'),
    transType: only(metadata, 'dtm-trans_type'),
    branchId: only(metadata, 'dtm-branch_id'),
    op: only(metadata, 'dtm-op'),
  };
}

/** The value of a name that is there once: a job's own headers could add a second one. */
function only(metadata: Metadata, name: string): unknown {
  const values = metadata.get(name);
  return values.length === 1 ? values[0] : undefined;
}
