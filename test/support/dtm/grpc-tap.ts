import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { Tap, type Answer, type Outgoing, type Reply } from './tap.js';

type Unary = ServerUnaryCall<Buffer, Buffer>;

const METHODS: Readonly<Record<string, string>> = {
  '/dtmgimp.Dtm/NewGid': 'new-gid',
  '/dtmgimp.Dtm/Prepare': 'prepare',
  '/dtmgimp.Dtm/Submit': 'submit',
  '/dtmgimp.Dtm/Abort': 'abort',
  '/stepping.Callbacks/Step': 'step',
  '/stepping.Callbacks/QueryPrepared': 'query-prepared',
};
const ANSWERS: Readonly<Record<number, Answer>> = {
  [status.OK]: 'success',
  [status.ABORTED]: 'failure',
  [status.FAILED_PRECONDITION]: 'ongoing',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.INVALID_ARGUMENT]: 'invalid',
  [status.UNKNOWN]: 'error',
  [status.UNAVAILABLE]: 'unreachable',
};
/** Set by the transport itself. */
const OF_THE_TRANSPORT = /^(?:content-type|te|user-agent|grpc-.*)$/;
const PATIENCE_MS = 30_000;

interface GrpcReply extends Reply {
  readonly error: ServiceError | null;
  readonly value: Buffer;
}

export class GrpcTap extends Tap {
  private readonly client: Client;

  private constructor(
    private readonly server: Server,
    readonly address: string,
    target: string,
  ) {
    super();
    this.client = new Client(target, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 200,
    });
  }

  static async start(target: string): Promise<GrpcTap> {
    const server = new Server();
    const bytes = (value: Buffer): Buffer => value;
    for (const path of Object.keys(METHODS)) {
      const handle = (call: Unary, done: sendUnaryData<Buffer>): void => void tap.answer(path, call, done);
      server.register(path, handle, bytes, bytes, 'unary');
    }
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const tap = new GrpcTap(server, `127.0.0.1:${port}`, target);
    return tap;
  }

  send(request: Outgoing): Promise<GrpcReply> {
    return this.forward(request);
  }

  async close(): Promise<void> {
    this.client.close();
    this.server.forceShutdown();
  }

  private async answer(path: string, call: Unary, done: sendUnaryData<Buffer>): Promise<void> {
    const headers = headersOf(call.metadata);
    const deadline = Number(call.getDeadline()) - Date.now();
    const arrived = {
      path,
      name: METHODS[path]!,
      method: 'POST',
      headers,
      body: call.request,
      gid: headers['dtm-gid']?.join() ?? gidOf(call.request),
      branchId: headers['dtm-branch_id']?.join() ?? '',
      deadline,
    };
    const reply = await this.pass(arrived, () => this.forward(arrived));
    if (!reply) return done({ code: status.UNAVAILABLE, details: 'cut' });
    const { error, value } = reply;
    if (error) done({ code: error.code, details: error.details });
    else done(null, value);
  }

  private forward({ path, headers = {}, body = Buffer.alloc(0), deadline }: Outgoing): Promise<GrpcReply> {
    const metadata = new Metadata();
    for (const [name, values] of Object.entries(headers))
      for (const value of values) metadata.add(name, value);
    const until = { deadline: Date.now() + Math.min(deadline ?? PATIENCE_MS, PATIENCE_MS) };
    const bytes = (value: Buffer): Buffer => value;
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(path, bytes, bytes, body, metadata, until, (error, value) => {
        const code = error?.code ?? status.OK;
        const answer = ANSWERS[code] ?? (`other ${code}` as const);
        resolve({ error, value: value ?? Buffer.alloc(0), answer, text: error?.details ?? '' });
      });
    });
  }
}

function headersOf(metadata: Metadata): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const name of Object.keys(metadata.getMap())) {
    if (!OF_THE_TRANSPORT.test(name)) headers[name] = metadata.get(name).map(String);
  }
  return headers;
}

/** The first field of the message to DTM, up to 127 bytes long. */
function gidOf(message: Buffer): string {
  return message.length < 2 ? '' : message.subarray(2, 2 + message[1]!).toString();
}
