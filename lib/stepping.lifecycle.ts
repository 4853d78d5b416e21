import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/** What is started at the end of the bootstrap and stopped at the beginning of the shutdown. */
export interface SteppingProcess {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Waits for jobs that were started after `stop()`, by requests still being served. */
  drain(): Promise<void>;
}

/**
 * Starts steps after all other `onApplicationBootstrap` hooks, and stops them before anything that they use is
 * destroyed.
 *
 * Nest calls hooks in the order of the modules' distance from the root; from version 11 on, in the reverse order at
 * shutdown. Its module has the smallest distance.
 */
@Injectable()
export class SteppingLifecycle implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly processes: SteppingProcess[] = [];
  private stopping = false;

  constructor(modules: ModulesContainer) {
    moveInHookOrder(modules, SteppingLifecycleModule, -1);
  }

  attach(process: SteppingProcess): void {
    this.processes.push(process);
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const process of this.processes) {
      // An application may be closed while it is still starting.
      if (this.stopping) return;
      await process.start();
      if (this.stopping) await process.stop();
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.finish();
  }

  /**
   * Waits for what is under way before a pool is closed. Closing a `DataSource` while the application goes on stops
   * nothing: it may be opened again.
   */
  async finish(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.drain()));
    if (this.stopping) await this.stop();
  }

  /** Called by whichever hook comes first, which differs between the versions of Nest. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.processes.map((process) => process.stop()));
  }
}

@Module({ providers: [SteppingLifecycle], exports: [SteppingLifecycle] })
export class SteppingLifecycleModule {}

/** Sets a module's place in the order of hooks. The module with the greatest distance is initialized first. */
export function moveInHookOrder(modules: ModulesContainer, module: unknown, distance: number): void {
  for (const candidate of modules.values()) if (candidate.metatype === module) candidate.distance = distance;
}
