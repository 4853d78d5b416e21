import type { Client, ChannelCredentials, ServiceError } from '@grpc/grpc-js';
import { DtmClient, readRefusal, type DtmAnswer } from './dtm.client.js';
import type { DtmRequest } from './dtm-request.js';
import type { DtmTls } from './dtm.options.js';
import { loadGrpc, type GrpcModule } from './grpc-module.js';
import { encodeDtmRequest, encodeGid } from './grpc-protobuf.js';

const SERVICE = '/dtmgimp.Dtm';

export interface GrpcDtmClientOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: DtmTls | undefined;
}

/** DTM over gRPC. */
export class GrpcDtmClient extends DtmClient {
  private grpc: GrpcModule | undefined;
  private client: Client | undefined;

  constructor(
    readonly server: string,
    private readonly options: GrpcDtmClientOptions,
  ) {
    super();
  }

  async open(): Promise<void> {
    this.grpc = await loadGrpc();
    // A server that was away is looked for again soon: its jobs wait for it.
    this.client = new this.grpc.Client(this.server, this.credentials(this.grpc), {
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2000,
    });
  }

  close(): void {
    this.client?.close();
  }

  prepare(request: DtmRequest, timeout: number): Promise<DtmAnswer> {
    return this.call('Prepare', encodeDtmRequest(request), timeout);
  }

  submit(request: DtmRequest, timeout: number): Promise<DtmAnswer> {
    return this.call('Submit', encodeDtmRequest(request), timeout);
  }

  abort(gid: string, timeout: number): Promise<DtmAnswer> {
    return this.call('Abort', encodeGid(gid), timeout);
  }

  ping(timeout: number): Promise<DtmAnswer> {
    return this.call('NewGid', Buffer.alloc(0), timeout);
  }

  private call(method: string, message: Buffer, timeout: number): Promise<DtmAnswer> {
    const { grpc, client } = this;
    if (!grpc || !client) throw new Error('GrpcDtmClient.open() comes first.');
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(this.options.headers)) metadata.set(name, value);
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        `${SERVICE}/${method}`,
        (value: Buffer) => value,
        (value: Buffer) => value,
        message,
        metadata,
        { deadline: Date.now() + timeout },
        (error) => resolve(error ? this.answerOf(error, grpc) : { kind: 'done' }),
      );
    });
  }

  private answerOf(error: ServiceError, { status }: GrpcModule): DtmAnswer {
    if (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED) {
      return { kind: 'unreachable', error };
    }
    return readRefusal(error.message);
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
