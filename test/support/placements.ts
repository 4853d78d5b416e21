import { describe, it } from 'vitest';
import { createDatabase, describeBackends, type Backend, type TestDatabase } from './database.js';
import { DtmPlace } from './dtm/dtm-place.js';
import { dtmSkipReason, startDtmServer, type DtmServer } from './dtm/dtm-server.js';
import { TcpProxy } from './tcp-proxy.js';

/**
 * Where the jobs of a test are stored: in the database of its transactions (`one`, the one-statement path), in
 * another one (`two`, the two-phase message), or at a DTM server. All must pass the same tests.
 */
export type Placement = 'one' | 'two' | 'dtm-http' | 'dtm-grpc';

const PLACES: Readonly<Record<Placement, string>> = {
  one: 'jobs in the same database',
  two: 'jobs in another database',
  'dtm-http': 'jobs at DTM over HTTP',
  'dtm-grpc': 'jobs at DTM over gRPC',
};

/** The databases of a test. */
export class Databases {
  private constructor(
    readonly backend: Backend,
    readonly placement: Placement,
    readonly business: TestDatabase,
    /** Of the jobs; the business database where they are at DTM. */
    readonly store: TestDatabase,
    readonly dtm: DtmServer | undefined,
    /** Where DTM finds the processes of the application. */
    private readonly balancer: TcpProxy | undefined,
  ) {}

  static async create(backend: Backend, placement: Placement): Promise<Databases> {
    const business = await createDatabase(backend);
    const store = placement === 'two' ? await createDatabase(backend) : business;
    const atDtm = isAtDtm(placement);
    const dtm = atDtm ? await startDtmServer() : undefined;
    const balancer = atDtm ? await TcpProxy.start() : undefined;
    return new Databases(backend, placement, business, store, dtm, balancer);
  }

  /** Another application on the same business database, with a store of its own. Drop that one, and the first. */
  static async beside({ backend, business }: Databases): Promise<Databases> {
    return new Databases(backend, 'two', business, await createDatabase(backend), undefined, undefined);
  }

  /** For one more process of the application, where DTM keeps the jobs. */
  async dtmPlace(): Promise<DtmPlace | undefined> {
    const { dtm, balancer, placement } = this;
    return dtm && balancer && DtmPlace.of(dtm, placement === 'dtm-grpc', balancer);
  }

  async drop(): Promise<void> {
    await this.business.drop();
    if (this.store !== this.business) await this.store.drop();
    await this.balancer?.down();
    await this.dtm?.stop();
  }
}

type Suite = (backend: Backend, placement: Placement) => void;
type SelfPlacement = 'one' | 'two';

/** `describe` for every database and both places of the jobs of the self-TM. */
export function describePlacements(
  title: string,
  suite: Suite,
  only?: readonly Backend[],
  placements: readonly SelfPlacement[] = ['one', 'two'],
): void {
  for (const placement of placements) {
    describeBackends(`${title} (${PLACES[placement]})`, (backend) => suite(backend, placement), only);
  }
}

export interface ManagersOptions {
  /** Default: all three. */
  readonly only?: readonly Backend[];
  /** The databases beside jobs at DTM; fewer where the suite has little to do with the database. Default: `only`. */
  readonly atDtm?: readonly Backend[];
  /** The places of the jobs of the self-TM. Default: both. */
  readonly selfTm?: readonly SelfPlacement[];
}

/**
 * `describe` for every database and every transaction manager. Over gRPC on PostgreSQL only: the protocol has
 * nothing to do with the database.
 */
export function describeManagers(
  title: string,
  suite: Suite,
  { only = ['postgres', 'mariadb', 'sqlite'], atDtm = only, selfTm: placements }: ManagersOptions = {},
): void {
  describePlacements(title, suite, only, placements);
  describeAtDtm(title, suite, atDtm);
}

/** `describe` for jobs at DTM, over HTTP and, on PostgreSQL, over gRPC. */
export function describeAtDtm(title: string, suite: Suite, only: readonly Backend[]): void {
  const reason = dtmSkipReason('boltdb');
  for (const placement of ['dtm-http', 'dtm-grpc'] as const) {
    const name = `${title} (${PLACES[placement]})`;
    const backends = only.filter((backend) => placement === 'dtm-http' || backend === 'postgres');
    if (backends.length === 0) continue;
    if (reason) describe.skip(`${name} (skipped: ${reason})`, () => it('runs', () => undefined));
    else describeBackends(name, (backend) => suite(backend, placement), backends);
  }
}

/** Whether the jobs of a placement are at a DTM server. */
export function isAtDtm(placement: Placement): boolean {
  return placement === 'dtm-http' || placement === 'dtm-grpc';
}
