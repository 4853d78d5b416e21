import { afterAll, beforeAll, describe, vi } from 'vitest';
import type { DtmProtocol } from '../../../lib/tm/dtm/index.js';
import { backends, createDatabase, type Backend, type TestDatabase } from '../database.js';
import { dtmSkipReason, freePort, startDtmServer, type DtmServer, type DtmStore } from './dtm-server.js';
import { waitFor } from '../wait-for.js';
import { GrpcTap } from './grpc-tap.js';
import { HttpTap } from './http-tap.js';
import { InteropApplication, type Addresses, type InteropOptions } from './interop-application.js';
import type { Tap } from './tap.js';

/** How application and DTM talk, where DTM keeps its jobs, and where the application keeps its orders. */
export interface Variant {
  readonly protocol: DtmProtocol;
  readonly store: DtmStore;
  readonly backend: Backend;
}

// Several waits of one test may come together on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

/** Longer than anything that a test waits for, with DTM's retries on a busy machine. */
const PATIENCE_MS = 60_000;
const PROTOCOLS = ['http', 'grpc'] as const;
const EVERYWHERE = PROTOCOLS.flatMap((protocol) =>
  (['boltdb', 'postgres'] as const).map((store): Variant => ({ protocol, store, backend: 'postgres' })),
);

/** `EVERYWHERE`, and on the other databases once per protocol. */
export function everywhereOn(...others: readonly Backend[]): readonly Variant[] {
  const more = PROTOCOLS.flatMap((protocol) =>
    others.map((backend): Variant => ({ protocol, store: 'boltdb', backend })),
  );
  return [...EVERYWHERE, ...more];
}

const ports = new Set<number>();

/** Scenes that open at the same time look for a port before any of them listens. */
async function ownPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (ports.has(port)) continue;
    ports.add(port);
    return port;
  }
}

export interface SceneOptions extends InteropOptions {
  /** Started already; the scene does not stop it. */
  readonly server?: DtmServer;
  /** Where the application finds its database, if not directly. */
  readonly databaseUrl?: (database: TestDatabase) => Promise<string>;
}

/** A DTM server, an application, and a tap in each direction between them. */
export class Scene {
  app!: InteropApplication;

  private constructor(
    readonly variant: Variant,
    readonly server: DtmServer,
    private readonly ownServer: boolean,
    readonly database: TestDatabase,
    /** Of the application itself. */
    private readonly port: number,
    /** What the application says to DTM. */
    readonly toDtm: Tap,
    /** What DTM says to the application. */
    readonly toApp: Tap,
  ) {}

  static async open(
    variant: Variant,
    { server, databaseUrl, ...options }: SceneOptions = {},
  ): Promise<Scene> {
    const { protocol, store, backend } = variant;
    const grpc = protocol === 'grpc';
    const [dtm, database] = await Promise.all([server ?? startDtmServer({ store }), createDatabase(backend)]);
    const port = await ownPort();
    const tap = grpc ? GrpcTap : HttpTap;
    const scene = new Scene(
      variant,
      dtm,
      !server,
      database,
      port,
      await tap.start(grpc ? dtm.grpcAddress : dtm.httpUrl),
      await tap.start(`${grpc ? '' : 'http://'}127.0.0.1:${port}`),
    );
    const url = await databaseUrl?.(database);
    await scene.start(url === undefined ? options : { ...options, dataSource: { url } });
    return scene;
  }

  /** Another process of the application, at the address that DTM knows; the one before must have been closed. */
  async start(options: InteropOptions = {}): Promise<InteropApplication> {
    this.app = await InteropApplication.open(this.addresses, this.port, this.database, options);
    return this.app;
  }

  /** By way of the taps. */
  get addresses(): Addresses {
    const { variant, toDtm, toApp, server } = this;
    return {
      protocol: variant.protocol,
      server: toDtm.address,
      callback: toApp.address,
      httpApi: server.httpUrl,
    };
  }

  async close(): Promise<void> {
    await this.app.close();
    await Promise.all([this.toDtm.close(), this.toApp.close()]);
    await this.database.drop();
    if (this.ownServer) await this.server.stop();
  }

  async status(gid: string): Promise<string | undefined> {
    return (await this.server.query(gid)).transaction?.status as string | undefined;
  }

  /** Seconds until DTM tries once more, as it has them at the moment. */
  async interval(gid: string): Promise<number> {
    return (await this.server.query(gid)).transaction!.next_cron_interval as number;
  }

  /** Waits until DTM has the job in this status. */
  async reaches(gid: string, status: 'succeed' | 'failed' | 'submitted'): Promise<void> {
    await waitFor(async () => (await this.status(gid)) === status, {
      timeout: PATIENCE_MS,
      interval: 100,
      message: async () => ({ status, of: await this.server.query(gid), log: this.server.log }),
    });
  }

  /** Waits until so many calls of DTM have been answered. */
  async called(gid: string, name: 'query-prepared' | 'step', times = 1): Promise<void> {
    const answered = () => this.toApp.of(gid, name).filter(({ answer }) => answer !== undefined);
    await waitFor(() => answered().length >= times, {
      timeout: PATIENCE_MS,
      message: () => `${times} calls of ${name}, instead of ${answered().length}\n${this.server.log}`,
    });
  }

  /** The columns of the barrier that the clients of DTM know. */
  barrier(gid: string): Promise<Record<string, string>[]> {
    return this.database.query(
      `SELECT trans_type, gid, branch_id, op, barrier_id, reason FROM stepping_barrier WHERE gid = '${gid}'`,
    );
  }

  /** Each step once, one after the other, and nothing else. */
  ranOnce(gid: string): boolean {
    return this.app.recording.trace(gid).join() === 'reserve-stock#1,send-email#1';
  }
}

/** `describe` per variant, all of them at once; where one cannot run it becomes a skipped suite that says why. */
export function describeInterop(
  title: string,
  suite: (scene: () => Scene, variant: Variant) => void,
  { variants = EVERYWHERE, ...options }: SceneOptions & { readonly variants?: readonly Variant[] } = {},
): void {
  describeVariants(
    title,
    (variant) => {
      let scene: Scene;
      beforeAll(async () => void (scene = await Scene.open(variant, options)));
      afterAll(() => scene?.close());
      suite(() => scene, variant);
    },
    variants,
  );
}

/** The same without a codec, whatever the run: where sizes count to the byte, or DTM itself sends what it was given. */
export function describePlainInterop(title: string, suite: Parameters<typeof describeInterop>[1]): void {
  describeInterop(title, suite, { module: { codec: undefined } });
}

/** The same for tests that open their scenes themselves. */
export function describeVariants(
  title: string,
  suite: (variant: Variant) => void,
  variants: readonly Variant[] = EVERYWHERE,
): void {
  for (const variant of variants) {
    const { protocol, store, backend } = variant;
    const name = `${title} [${protocol}, ${store}, orders on ${backend}]`;
    const reason = dtmSkipReason(store) ?? backends.find((one) => one.backend === backend)!.skipReason;
    if (reason) describe.skip(`${name} (skipped: ${reason})`, () => suite(variant));
    else describe.concurrent(name, () => suite(variant));
  }
}
