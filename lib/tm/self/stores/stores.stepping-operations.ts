import type { ActionNote } from '../../../core/operations/action-note.js';
import type {
  FailureGroups,
  FleetHealth,
  FleetOverview,
  ProcessInfo,
  StepNumbers,
  StepPause,
  Timeline,
  TimelineQuery,
  TimeRange,
} from '../../../core/operations/fleet-numbers.js';
import {
  SteppingOperations,
  type FleetOperation,
  type HealthOptions,
  type PauseOptions,
} from '../../../core/operations/stepping-operations.js';
import { TransactionManagerUnavailableError } from '../../../errors/index.js';
import { AttemptCounters } from '../monitoring/attempt-counters.js';
import { storeUnreachable } from '../monitoring/fleet-health.js';
import { FleetReader } from '../monitoring/fleet-reader.js';
import { prometheusText } from '../monitoring/prometheus-text.js';
import type { PausedSteps } from '../steering/step-controls.js';
import { askAll, type KeptStore } from './kept-store.js';
import { SeveralFleetReads } from './several.fleet-reads.js';
import type { StoresTransactionManager } from './stores.transaction-manager.js';

/** From the best to the worst. */
const STATUSES = ['up', 'degraded', 'down'] as const;

/** `SteppingOperations` over several stores. A step is paused in each store by itself, for the jobs of that store. */
export class StoresSteppingOperations extends SteppingOperations {
  private readonly reader: FleetReader;
  private readonly stores: readonly KeptStore[];

  constructor({ stores, options, services }: StoresTransactionManager) {
    super();
    this.stores = stores;
    this.reader = new FleetReader(new SeveralFleetReads(stores), {
      heartbeat: options.monitoring === false ? null : options.monitoring.heartbeat,
      encodes: services.payloads.encodes,
      pauses: () => this.pauses(),
    });
  }

  override async pause(step: string, options: PauseOptions): Promise<void> {
    const { errors } = await askAll(this.stores, ({ operations }) => operations.pause(step, options));
    // The others obey already. Whoever stops a harm must know where it goes on.
    if (errors[0]) throw errors[0].error;
  }

  override async resume(step: string, note?: ActionNote): Promise<boolean> {
    const { answers, errors } = await askAll(this.stores, ({ operations }) => operations.resume(step, note));
    if (errors[0]) throw errors[0].error;
    return answers.some(({ value }) => value);
  }

  override async overview(): Promise<FleetOverview> {
    return this.reader.overview();
  }

  override async steps(range?: TimeRange): Promise<readonly StepNumbers[]> {
    return this.reader.steps(range);
  }

  override async timeline(query?: TimelineQuery): Promise<Timeline> {
    return this.reader.timeline(query);
  }

  override async failures(): Promise<FailureGroups> {
    return this.reader.failures();
  }

  override async processes(): Promise<readonly ProcessInfo[]> {
    return this.reader.processes();
  }

  /** Each store is judged by itself: nobody may look for the due jobs of one, while those of the others run. */
  override async health(options?: HealthOptions): Promise<FleetHealth> {
    const healths = await Promise.all(this.stores.map((store) => this.healthOf(store, options)));
    const reached = healths.filter(({ reachable }) => reachable);
    const worst = Math.max(...reached.map(({ health }) => STATUSES.indexOf(health.status)), 0);
    const status = reached.length === 0 ? 'down' : STATUSES[worst]!;
    return {
      status: status === 'up' && reached.length < healths.length ? 'degraded' : status,
      problems: healths.flatMap(({ health: { problems }, store }) =>
        problems.map((problem) => ({ ...problem, text: `In the store '${store.name}': ${problem.text}` })),
      ),
    };
  }

  override async prometheus(): Promise<string> {
    const runtimes = this.stores.flatMap(({ manager }) => manager.openRuntime ?? []);
    const counters = AttemptCounters.sum(runtimes.map(({ monitoring }) => monitoring.counters));
    return prometheusText(counters, await this.reader.snapshot().catch(() => undefined));
  }

  /** @internal */
  override refusalOf(operation: FleetOperation): { readonly message: string } | undefined {
    return this.stores[0]!.operations.refusalOf(operation);
  }

  private async healthOf(store: KeptStore, options: HealthOptions | undefined) {
    const health = await store
      .ask(() => store.operations.health(options))
      .catch((error: unknown) => {
        if (!(error instanceof TransactionManagerUnavailableError)) throw error;
        return storeUnreachable(error);
      });
    const reachable = !health.problems.some(({ code }) => code === 'STORE_UNREACHABLE');
    return { store, health, reachable };
  }

  /** Nothing runs in a store that is away, paused or not. */
  private async pauses(): Promise<PausedSteps> {
    const reached = this.stores.filter(({ outage }) => outage === undefined);
    const runtimes = reached.flatMap(({ manager }) => manager.openRuntime ?? []);
    const all = await Promise.all(runtimes.map(({ stepSteering }) => stepSteering.controls.latest()));
    const together = (pausesOf: (paused: PausedSteps) => ReadonlyMap<string, StepPause>) =>
      new Map(all.toReversed().flatMap((paused) => [...pausesOf(paused)]));
    return { bySteps: together(({ bySteps }) => bySteps), byAnyName: together(({ byAnyName }) => byAnyName) };
  }
}
