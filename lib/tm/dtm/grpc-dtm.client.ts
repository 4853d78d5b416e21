import type { Client, ChannelCredentials } from '@grpc/grpc-js';
import { DtmClient, readRefusal, type DtmAnswer, type DtmMethod, type DtmMessage } from './dtm.client.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { encodeDtmRequest } from './grpc-protobuf.js';
import type * as Grpc from '@grpc/grpc-js';
import { MissingPackageError } from './dtm.errors.js';
import { shownAnswer } from './shown-answer.js';

const METHODS: Readonly<Record<DtmMethod, string>> = {
  prepare: '/dtmgimp.Dtm/Prepare',
  submit: '/dtmgimp.Dtm/Submit',
  abort: '/dtmgimp.Dtm/Abort',
  ping: '/dtmgimp.Dtm/NewGid',
};

/** DTM over gRPC. */
export class GrpcDtmClient extends DtmClient {
  private opened: { readonly grpc: GrpcModule; readonly client: Client } | undefined;

  constructor(private readonly options: ResolvedDtmOptions) {
    super(options.server);
  }

  override async open(): Promise<void> {
    const grpc = await loadGrpc();
    // Reconnects soon to a server that was away: jobs cannot start without it.
    const client = new grpc.Client(this.server, this.credentials(grpc), {
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2000,
    });
    this.opened = { grpc, client };
  }

  override close(): void {
    this.opened?.client.close();
  }

  protected send(method: DtmMethod, timeout: number, request?: DtmMessage): Promise<DtmAnswer> {
    const { grpc, client } = this.opened!;
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(this.options.serverHeaders)) metadata.set(name, value);
    const { ABORTED, UNAVAILABLE, DEADLINE_EXCEEDED } = grpc.status;
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        METHODS[method],
        (value: Buffer) => value,
        (value: Buffer) => value,
        request ? encodeDtmRequest(request) : Buffer.alloc(0),
        metadata,
        { deadline: Date.now() + timeout },
        (error) => {
          if (!error) resolve({ kind: 'done' });
          else if (error.code === UNAVAILABLE || error.code === DEADLINE_EXCEEDED) {
            resolve({ kind: 'unreachable', error });
          } else {
            const said = shownAnswer(error.details, this.options.serverHeaders, request);
            const shown = `${error.code} ${grpc.status[error.code]}: ${said}`;
            const isRefusal = error.code === ABORTED;
            resolve(isRefusal ? readRefusal(error.details, shown) : { kind: 'failed', message: shown });
          }
        },
      );
    });
  }

  private credentials({ credentials }: GrpcModule): ChannelCredentials {
    const { tls } = this.options;
    if (!tls) return credentials.createInsecure();
    return credentials.createSsl(pem(tls.rootCertificates), pem(tls.privateKey), pem(tls.certificateChain));
  }
}

function pem(value: string | Buffer | undefined): Buffer | null {
  return value === undefined ? null : Buffer.from(value);
}

export type GrpcModule = typeof Grpc;

/**
 * Loads gRPC, which only those install who use it.
 *
 * @throws MissingPackageError.
 */
export async function loadGrpc(): Promise<GrpcModule> {
  try {
    const module = (await import('@grpc/grpc-js')) as GrpcModule & { default?: GrpcModule };
    return module.default ?? module;
  } catch (cause) {
    throw new MissingPackageError('@grpc/grpc-js', "dtm({ protocol: 'grpc' })", { cause });
  }
}
