/**
 * A part of a transaction manager that works beside its callers. It drives itself, or is driven by `tick()`.
 */
export interface BackgroundService {
  start?(): void;
  /** Starts nothing more. Resolves when what is under way has ended. */
  stop(): Promise<void>;
  /** Called at every recovery interval. */
  tick?(): void;
}

/** Starts services in order. */
export function startAll(services: readonly BackgroundService[]): void {
  for (const service of services) service.start?.();
}

/** Stops services one after the other, the last one first: each may rely on those before it until it has ended. */
export async function stopAll(services: readonly BackgroundService[]): Promise<void> {
  for (const service of services.toReversed()) await service.stop();
}
