import 'reflect-metadata';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallbackApplication, type Sent, type Status } from '../support/dtm/callback-application.js';
import { SECRET } from '../support/dtm/dtm-place.js';
import { signedQuery, signedStep } from '../support/dtm/signed.js';

/** Repeat a run with `STEPPING_FUZZ_SEED`. */
const seed = Number(process.env.STEPPING_FUZZ_SEED ?? Date.now() % 1_000_000_000);
const BATCHES = 100;
/** Of each protocol, in one batch. */
const REQUESTS = 100;
const SLOW = 100;
const MAX_PAYLOAD_BYTES = 65_535;
const MAX_DELAY_MS = 2000;
const MAX_GROWTH_BYTES = 300 * 1024 * 1024;
const OTHER_SECRET = 'Qz8wKf3mXv6tRb9n';

const ROLLED_BACK = {
  step: 'pay',
  requestTimeout: 30,
  time: 1,
  database: { dataSource: 'default' },
  args: 'replay',
};
const DONE = { step: 'pay', requestTimeout: 30, time: 2, args: 'done' };

interface Attack {
  readonly kind: 'malformed' | 'truncated' | 'cut' | 'replayed' | 'done' | 're-signed' | 'oversized';
  readonly sent: Sent;
}

/** What no call of DTM is to end a step or a transaction with, and what is a fault of the server. */
const HTTP_FORBIDDEN = (status: number) => status < 400 || status === 409 || status >= 500;
const GRPC_FORBIDDEN = (code: number) => [0, 2, 10, 13, 14, 15].includes(code);

const gid = fc.oneof(fc.uuid(), fc.constantFrom('(order-7)', 'rolled-back', 'done'), fc.string());
const branch = fc.oneof(fc.constantFrom('00', '01', '02', '1', '999', '01,02'), fc.string({ maxLength: 5 }));
const call = fc.record(
  {
    gid,
    branch_id: branch,
    trans_type: fc.constantFrom('msg', 'saga', '', 'MSG'),
    op: fc.constantFrom('action', 'msg', 'compensate', ''),
  },
  { requiredKeys: [] },
);
const nested = fc.nat({ max: 20_000 }).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`);
const signature = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  fc.string(),
);
const body = fc.oneof(
  fc.json(),
  fc.string(),
  nested,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.tuple(signature, fc.json()).map(([given, json]) => `{"signature":"${given}",${json.slice(1)}`),
  fc.tuple(signature, nested).map(([given, deep]) => `{"signature":"${given}","step":"pay","args":${deep}}`),
);
/** Also `a[]=1` and the like, of which servers make arrays and objects. */
const others = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
const metadata = fc.dictionary(fc.stringMatching(/^[a-z][a-z-]{0,12}$/), fc.string(), { maxKeys: 3 });
const headers = fc.record(
  {
    'content-type': fc.constantFrom('application/json', 'text/plain', 'multipart/form-data', 'x/y'),
    'content-encoding': fc.constantFrom('gzip', 'deflate', 'identity'),
    'grpc-encoding': fc.constantFrom('gzip', 'x'),
    'grpc-timeout': fc.constantFrom('1S', '0n', '99999999H', 'soon', '-1S'),
    'x-request-id': fc.stringMatching(/^[\w -]{0,20}$/),
    expect: fc.constant('100-continue'),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, string>>;

describe('the callbacks of DTM under attack', () => {
  let http: CallbackApplication;
  let grpc: CallbackApplication;

  beforeAll(async () => {
    console.log(`the seed of the attack: ${seed}`);
    http = await CallbackApplication.start('http', { maxPayloadBytes: MAX_PAYLOAD_BYTES });
    grpc = await CallbackApplication.start('grpc', { maxPayloadBytes: MAX_PAYLOAD_BYTES });
    for (const app of [http, grpc]) await app.step('done', '01', signedStep(SECRET, 'done', '01', DONE));
  });
  afterAll(async () => {
    await http?.close();
    await grpc?.close();
  });

  function attacks(app: CallbackApplication): fc.Arbitrary<Attack> {
    const isHttp = app === http;
    const step = (id: string, at: string, content: string | Buffer) => app.stepCall(id, at, content);
    const malformed = fc
      .tuple(call, body, isHttp ? others : metadata, headers, fc.boolean())
      .map(([fields, content, more, { 'content-type': type, ...sentHeaders }, asks]): Sent => {
        const changes = fields as Record<string, string>;
        const made = asks ? app.queryCall('x', more, changes) : app.stepCall('x', '01', content, changes);
        // Nothing else is gRPC, so that few of its calls are of another type.
        const types: Record<string, string> =
          type && (isHttp || type === 'x/y') ? { 'content-type': type } : {};
        return { ...made, headers: { ...made.headers, ...sentHeaders, ...types } };
      });
    const rolledBack = signedStep(SECRET, 'rolled-back', '01', ROLLED_BACK);
    const truncated = fc
      .tuple(fc.nat({ max: rolledBack.length - 1 }), fc.boolean())
      .map(([length, unframed]): Sent => ({
        ...step('rolled-back', '01', rolledBack.slice(0, length)),
        unframed,
      }));
    const replayed = fc.oneof(
      fc.constant(step('rolled-back', '01', rolledBack)),
      // For another place than the one that was signed.
      fc.tuple(fc.uuid(), fc.constantFrom('01', '02')).map(([id, at]) => step(id, at, rolledBack)),
      fc.constant(step('rolled-back', '02', rolledBack)),
      fc
        .uuid()
        .map((id) => app.queryCall(id, signedQuery(SECRET, 'done', { ...DONE, queryPreparedAfter: 9 }))),
    );
    const resigned = fc.tuple(fc.uuid(), fc.json()).map(([id, args]) => {
      const payload = { ...DONE, args };
      const forged = signedStep(OTHER_SECRET, id, '01', payload);
      return step(id, '01', forged);
    });
    const oversized = fc.tuple(fc.integer({ min: 1, max: 100_000 }), fc.boolean()).map(([more, signed]) => {
      const payload = { ...DONE, args: 'x'.repeat(MAX_PAYLOAD_BYTES + more) };
      return step(
        'large',
        '01',
        signed ? signedStep(SECRET, 'large', '01', payload) : JSON.stringify(payload),
      );
    });
    const as = (kind: Attack['kind'], weight: number, arbitrary: fc.Arbitrary<Sent>) => ({
      weight,
      arbitrary: arbitrary.map((sent): Attack => ({ kind, sent })),
    });
    return fc.oneof(
      as('malformed', 40, malformed),
      as('truncated', 15, truncated),
      as('cut', isHttp ? 5 : 0, truncated),
      as('replayed', 15, replayed),
      as('done', 5, fc.constant(step('done', '01', signedStep(SECRET, 'done', '01', DONE)))),
      as('re-signed', 15, resigned),
      as('oversized', 5, oversized),
    );
  }

  it(`runs no step, fails nowhere and stays within bounds (seed ${seed})`, { timeout: 300_000 }, async () => {
    const ran = http.executed.length;
    const statuses = new Map<string, number>();
    /** As few as are read. */
    const faults: string[] = [];
    const meet = async (app: CallbackApplication, { kind, sent }: Attack): Promise<void> => {
      const isHttp = app === http;
      const status = await (kind === 'cut' ? sendCut(app, sent) : app.send(sent));
      const key = `${isHttp ? 'http' : 'grpc'} ${status ?? 'cut off'}`;
      statuses.set(key, (statuses.get(key) ?? 0) + 1);
      // A connection is cut for what others have sent on it.
      if (status === undefined || status === (kind === 'done' ? (isHttp ? 200 : 0) : -1)) return;
      const isFault = kind === 'done' || (isHttp ? HTTP_FORBIDDEN : GRPC_FORBIDDEN)(status);
      if (isFault && faults.length < 5) faults.push(`${kind}: ${key}: ${JSON.stringify(sent).slice(0, 500)}`);
    };
    const kinds = [http, grpc].map(attacks);

    const usage = new Usage();
    const slow = slowCalls(http, grpc);
    for (let batch = 0; batch < BATCHES; batch++) {
      const meetings = [http, grpc].flatMap((app, at) =>
        fc
          .sample(kinds[at]!, { numRuns: REQUESTS, seed: seed + 2 * batch + at })
          .map((attack) => meet(app, attack)),
      );
      await Promise.all(meetings);
    }
    expect(faults).toEqual([]);
    // Connections are not given up for what was refused on them.
    expect(statuses.get('grpc cut off') ?? 0).toBeLessThan(REQUESTS);
    const fast = performance.now() - usage.began;
    for (const status of await slow) expect([undefined, 4, 408]).toContain(status);
    const figures = usage.end();
    console.log(
      JSON.stringify(
        { seed, fastMs: Math.round(fast), ...figures, statuses: Object.fromEntries(statuses) },
        null,
        1,
      ),
    );
    expect(http.executed).toHaveLength(ran);
    expect(figures.maxDelayMs).toBeLessThan(MAX_DELAY_MS);
    expect(figures.growthBytes).toBeLessThan(MAX_GROWTH_BYTES);
    // Nobody was left outside.
    for (const [app, done] of [
      [http, 200],
      [grpc, 0],
    ] as const) {
      const args = `after the attack, over ${done === 200 ? 'HTTP' : 'gRPC'}`;
      expect(await app.step('after', '01', signedStep(SECRET, 'after', '01', { ...DONE, args }))).toBe(done);
      expect(app.executed.at(-1)).toEqual({ step: 'pay', args });
    }
  });
});

/** The delay of the event loop and the memory of this process, attackers included. */
class Usage {
  readonly began = performance.now();
  private readonly delay = monitorEventLoopDelay({ resolution: 10 });
  private readonly base = process.memoryUsage().rss;
  private peak = 0;
  private readonly timer = setInterval(() => {
    this.peak = Math.max(this.peak, process.memoryUsage().rss - this.base);
  }, 50);

  constructor() {
    this.delay.enable();
  }

  end() {
    clearInterval(this.timer);
    this.delay.disable();
    const milliseconds = (nanoseconds: number) => Math.round(nanoseconds / 1e5) / 10;
    return {
      tookMs: Math.round(performance.now() - this.began),
      maxDelayMs: milliseconds(this.delay.max),
      p99DelayMs: milliseconds(this.delay.percentile(99)),
      growthBytes: this.peak,
    };
  }
}

/** Calls that come byte by byte, and never to their ends. */
function slowCalls(http: CallbackApplication, grpc: CallbackApplication): Promise<Status[]> {
  const head = '{"signature":"';
  const { path } = http.stepCall('slow', '01', '');
  const overHttp = Array.from(
    { length: SLOW },
    () =>
      new Promise<Status>((resolve) => {
        const socket = connectTcp(http.port, '127.0.0.1');
        let answer = '';
        socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n${head}`);
        const timer = setInterval(() => socket.write('x'), 300);
        socket.on('data', (data) => (answer += data.toString())).on('error', () => undefined);
        socket.on('close', () => {
          clearInterval(timer);
          const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
          resolve(status === undefined ? undefined : Number(status));
        });
      }),
  );
  const sessions = Array.from({ length: 5 }, () => connectHttp2(`http://127.0.0.1:${grpc.port}`));
  const made = grpc.stepCall('slow', '01', '');
  const overGrpc = Array.from(
    { length: SLOW },
    (_, at) =>
      new Promise<Status>((resolve) => {
        const stream = sessions[at % sessions.length]!.request({
          ':method': 'POST',
          ':path': made.path,
          'content-type': 'application/grpc',
          ...made.headers,
        });
        let status: Status;
        stream.write(Buffer.from(`\0\0\0\xea\x60${head}`, 'latin1'));
        const timer = setInterval(() => stream.writable && stream.write('x'), 300);
        stream
          .on('response', (answered) => (status = Number(answered['grpc-status'])))
          .on('error', () => undefined);
        stream.resume().on('close', () => {
          clearInterval(timer);
          resolve(status);
        });
      }),
  );
  return Promise.all([...overHttp, ...overGrpc]).finally(() => {
    for (const session of sessions) session.destroy();
  });
}

/** A request whose connection ends before its body does. */
function sendCut(app: CallbackApplication, { path, body = '' }: Sent): Promise<Status> {
  return new Promise((resolve) => {
    const socket = connectTcp(app.port, '127.0.0.1');
    socket.on('error', () => undefined).on('close', () => resolve(undefined));
    socket.resume();
    socket.end(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n${body.toString()}`);
  });
}
