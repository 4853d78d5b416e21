import { Inject } from '@nestjs/common';
import { ModuleRef, type HttpAdapterHost, type ModulesContainer } from '@nestjs/core';
import type { EventExplorer } from './core/events/event.explorer.js';
import type { Readiness } from './core/jobs/readiness.js';
import type { Payloads } from './core/payloads/payloads.js';
import { SingleFlight } from './core/single-flight.js';
import type { StepArgumentsSerializer } from './core/steps/step-arguments.serializer.js';
import type { StepExplorer } from './core/steps/step.explorer.js';
import type { StepRegistry } from './core/steps/step.registry.js';
import type { TransactionManager } from './core/transaction-manager.js';
import type { DataSourceLike } from './core/transactions/typeorm.types.js';
import { SteppingNotReadyError } from './errors/index.js';
import type { SteppingLifecycle } from './stepping.lifecycle.js';
import { openersOf } from './stepping.openers.js';
import { observeTransactions } from './transactions/ambient-transaction.js';
import { isDataSource, isDataSourceToken } from './transactions/data-source.registry.js';
import { afterReset, beforeDestroy } from './transactions/destroy-guard.js';
import { insideTransactionOf } from './transactions/surroundings.js';
import type { TypeOrmDatabases } from './transactions/typeorm-databases.js';

/**
 * Makes the library ready once all providers of the application exist: in `onModuleInit`, or with the first job that comes
 * before it. A hybrid application handles messages between `startAllMicroservices()` and `listen()`.
 */
export class SteppingPreparation implements Readiness {
  private readonly watched = new WeakSet<DataSourceLike>();
  private readonly opening = new SingleFlight(() => {
    this.openedInside = this.holdsConnection;
    return this.open();
  });
  /** The opening was begun inside a transaction of an only connection, so it does not wait for that. */
  private openedInside = false;
  private discovered = false;
  private opened = false;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly databases: TypeOrmDatabases,
    private readonly explorer: StepExplorer,
    private readonly serializer: StepArgumentsSerializer,
    private readonly registry: StepRegistry,
    private readonly lifecycle: SteppingLifecycle,
    private readonly manager: TransactionManager,
    private readonly payloads: Payloads,
    private readonly adapterHost: HttpAdapterHost,
    private readonly events: EventExplorer,
  ) {}

  get ready(): boolean {
    return this.opened && !this.databases.tablesLost;
  }

  /**
   * Watches the `DataSource`s from their creation on, as far as their tokens tell what they are: a transaction that has
   * begun before is not seen. Nothing waits for this but the application's start.
   */
  async watchEarly(): Promise<void> {
    const created: Promise<unknown>[] = [];
    for (const module of this.modules.values()) {
      const { instance: moduleRef } = module.providers.get(ModuleRef) ?? {};
      for (const [token, wrapper] of module.providers) {
        if (!isDataSourceToken(token) || !wrapper.isDependencyTreeStatic()) continue;
        created.push((moduleRef as ModuleRef).create(this.watcherOf(token)));
      }
    }
    // The application's own start fails with the same error, and says it better.
    await Promise.allSettled(created);
  }

  discover(): void {
    // Nest makes the server when `create()` has made all providers.
    if (!this.discovered && this.adapterHost.httpAdapter?.getHttpServer() !== undefined) this.find();
  }

  async prepare(): Promise<void> {
    this.discover();
    if (!this.discovered) throw new SteppingNotReadyError();
    // The caller and the opening would wait for each other.
    if (this.opening.running && !this.openedInside && this.holdsConnection)
      throw new SteppingNotReadyError(true);
    await this.opening.run();
  }

  /** To be called when all providers of the application exist. */
  async initialize(): Promise<void> {
    if (!this.discovered) this.find();
    await this.opening.run();
  }

  /** Whether the caller is inside a transaction of a `DataSource` that has only one connection. */
  private get holdsConnection(): boolean {
    return this.databases.registry.all.some(
      (dataSource) => this.databases.gateOf(dataSource) !== undefined && insideTransactionOf(dataSource),
    );
  }

  private find(): void {
    this.databases.registry.discover();
    for (const dataSource of this.databases.registry.all) this.watch(dataSource);
    const steps = this.explorer.explore();
    for (const step of steps) this.serializer.check(step);
    this.registry.register(steps);
    this.events.explore();
    this.discovered = true;
  }

  private async open(): Promise<void> {
    if (this.opened) return this.databases.restoreTables();
    await this.payloads.load();
    await this.manager.initialize();
    await this.databases.openAll();
    for (const open of openersOf(this.modules)) await open();
    this.opened = true;
  }

  private watch(dataSource: DataSourceLike): void {
    if (this.watched.has(dataSource)) return;
    this.watched.add(dataSource);
    observeTransactions(dataSource, this.databases.gateOf(dataSource));
    beforeDestroy(dataSource, () => this.lifecycle.finish());
    afterReset(dataSource, () => this.databases.restoreAllOf(dataSource));
  }

  /** A class whose instance Nest makes as soon as the `DataSource` is there. */
  private watcherOf(
    token: string | (abstract new (...args: any[]) => unknown),
  ): new (instance: unknown) => object {
    const watch = (instance: unknown) => {
      if (isDataSource(instance)) this.watch(instance);
    };
    class Watcher {
      constructor(instance: unknown) {
        watch(instance);
      }
    }
    Inject(token)(Watcher, undefined, 0);
    return Watcher;
  }
}
