import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/** What the lifecycle starts at the very end of the bootstrap and stops at the very beginning of the shutdown. */
export interface SteppingProcess {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Waits for what was started after `stop()`, by requests that the server was still serving. */
  drain(): Promise<void>;
}

/**
 * Runs at the edge of the application's lifecycle: steps start when all `onApplicationBootstrap` hooks are
 * done, and stop before anything that they use is destroyed.
 *
 * Nest calls the hooks of modules in the order of their distance from the root, from 11 on in the reverse
 * order at shutdown. Its module takes the place nearest to the root's side.
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
    for (const process of this.processes) await process.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.finish();
  }

  /**
   * Ends what is under way, before a pool is closed. A `DataSource` that is closed while the application goes
   * on, perhaps to be opened again, stops nothing.
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

/** Sets where the hooks of a module come among all modules; the greatest distance is initialized first. */
export function moveInHookOrder(modules: ModulesContainer, module: unknown, distance: number): void {
  for (const candidate of modules.values()) if (candidate.metatype === module) candidate.distance = distance;
}
