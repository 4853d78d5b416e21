import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { LineLogger } from '../../core/line-logger.js';
import { within } from '../../core/within.js';
import { errorText } from '../../errors/error-text.js';
import { CallbackConnections } from './callback-connections.js';
import { CallbackServer } from './callback-server.js';
import { GRPC_SERVICE, QUERY_SIGNATURE, QUERY_TOKEN } from './callback-addresses.js';
import type { CallbackAnswer } from './dtm-callback.js';
import type { DtmCallbacks, Framing } from './dtm-callbacks.js';
import { hostAndPort, type ResolvedDtmOptions } from './dtm.options.js';

/** DTM calls a few steps at a time; more streams of one connection wait. */
const MAX_STREAMS = 100;

/** How long a client may go on sending after its call was refused. */
const LEAVING_MS = 1000;

/** The codes of gRPC, and what is said with them. */
const REPLIES: Readonly<
  Record<Exclude<CallbackAnswer, 'success'>, readonly [code: number, details: string]>
> = {
  failure: [10, 'FAILURE'],
  ongoing: [9, 'ONGOING'],
  error: [2, 'see the log of the application'],
  unauthenticated: [16, 'the signature is not accepted'],
  invalid: [3, 'not a call of DTM for a two-phase message'],
  refused: [7, 'the transaction of the job was rolled back'],
  tooLarge: [8, 'the payload is too large'],
  late: [4, 'the payload did not arrive in time'],
  crowded: [8, 'too many payloads are arriving'],
};
/** Answers to calls whose signature fits. */
const LET_IN: ReadonlySet<string> = new Set<CallbackAnswer>(['success', 'failure', 'ongoing', 'error']);
const UNIMPLEMENTED = [12, 'no such method'] as const;

/** A flag, which stands for a compressed message, and a length. */
const MESSAGE: Framing = {
  length: 5,
  payloadOf: (message) =>
    message.length >= 5 && message[0] === 0 && message.readUInt32BE(1) === message.length - 5
      ? message.subarray(5)
      : undefined,
};
const EMPTY_MESSAGE = Buffer.alloc(MESSAGE.length);

/**
 * The gRPC server that DTM calls; it runs as long as the application does.
 *
 * gRPC is HTTP/2 with a few headers. A gRPC library hands out complete messages only, unpacked if they are compressed, and
 * leaves the streams that it has refused open. Here a call is refused while its message arrives.
 */
export class GrpcCallbackServer extends CallbackServer {
  private readonly logger = new LineLogger('DtmCallbacks');
  private readonly connections = new CallbackConnections();
  private server: Http2Server | undefined;

  constructor(
    private readonly options: ResolvedDtmOptions,
    private readonly callbacks: DtmCallbacks,
  ) {
    super();
  }

  async start(): Promise<void> {
    const { listen } = this.options;
    if (listen === false) return;
    const server = createServer({ settings: { maxConcurrentStreams: MAX_STREAMS } });
    this.connections.watch(server);
    // Whoever breaks the protocol loses the connection, which Node sees to.
    server.on('session', (session) => session.on('error', ignore));
    server.on('stream', (stream, headers) => {
      stream.on('error', ignore);
      void this.serve(stream, headers);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(hostAndPort(listen), () => resolve());
    });
    this.server = server;
  }

  /** Takes no more calls. Those under way have `gracePeriod` to be answered; then their connections are cut. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = new Promise<true>((resolve) => server.close(() => resolve(true)));
    this.connections.closeAll();
    if (await within(this.options.gracePeriod, closed)) return;
    this.connections.cutAll();
    await closed;
  }

  private async serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const isGrpc = headers['content-type']?.startsWith('application/grpc');
    if (headers[':method'] !== 'POST' || !isGrpc) return refuse(stream, { ':status': 415 });
    let answer: CallbackAnswer | 'gone' | undefined;
    try {
      answer = await this.answer(stream, headers);
    } catch (error) {
      this.logger.error(`A callback of DTM could not be answered: ${errorText(error)}`);
      answer = 'error';
    }
    if (answer !== undefined && LET_IN.has(answer)) this.connections.letIn(stream.session);
    if (answer === 'gone' || stream.destroyed || stream.closed) return;
    if (answer === 'success') return succeed(stream);
    const [code, details] = answer === undefined ? UNIMPLEMENTED : REPLIES[answer];
    refuse(stream, {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': details,
    });
  }

  /** Undefined for a method that is not there. */
  private async answer(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<CallbackAnswer | 'gone' | undefined> {
    const call = {
      gid: headers['dtm-gid'],
      transType: headers['dtm-trans_type'],
      branchId: headers['dtm-branch_id'],
      op: headers['dtm-op'],
    };
    switch (headers[':path']) {
      case `/${GRPC_SERVICE}/QueryPrepared`:
        // Its message says nothing.
        stream.resume();
        return this.callbacks.query({
          ...call,
          token: headers[QUERY_TOKEN],
          signature: headers[QUERY_SIGNATURE],
        });
      case `/${GRPC_SERVICE}/Step`:
        return this.callbacks.step({
          call,
          source: stream,
          framing: MESSAGE,
          remaining: timeoutOf(headers['grpc-timeout']),
          trace: [headers['traceparent'], headers['tracestate']],
        });
      default:
        return undefined;
    }
  }
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds. */
function timeoutOf(header: unknown): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? [];
  return digits === undefined ? undefined : Number(digits) * UNITS[unit!]!;
}

function succeed(stream: ServerHttp2Stream): void {
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end(EMPTY_MESSAGE);
}

/**
 * What still comes of the message is thrown away. To close the stream at once would be simpler, but Node then counts
 * the bytes on their way as memory of the session for good, until it takes no stream any more.
 */
function refuse(stream: ServerHttp2Stream, headers: Readonly<Record<string, string | number>>): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(headers, { endStream: true });
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LEAVING_MS).unref();
  stream.on('close', () => clearTimeout(timer));
}

function ignore(): void {}
