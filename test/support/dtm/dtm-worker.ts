import type { DataSourceOptions } from 'typeorm';
import type { WorkerFault } from '../worker.js';
import { startApp, type AppProcess } from '../child-process.js';
import { FAST_DTM } from './dtm-place.js';
import type { Scene } from './scene.js';

export interface DtmWorkerOptions {
  readonly faults: readonly WorkerFault[];
  /** Default: the database of the scene. */
  readonly databases?: readonly DataSourceOptions[];
  /** Which of the databases a tenant has. */
  readonly tenants?: Readonly<Record<string, number>>;
}

/**
 * Starts `test/apps/dtm-worker.ts`: a process of the scene's application that only starts jobs, beside the one
 * that DTM calls.
 */
export async function startDtmWorker(
  scene: Scene,
  { faults, databases = [scene.database.dataSourceOptions()], tenants = {} }: DtmWorkerOptions,
): Promise<AppProcess> {
  const grpc = scene.variant.protocol === 'grpc';
  const dtm = {
    ...scene.addresses,
    ...(grpc && { listen: false }),
    ...FAST_DTM,
  };
  const worker = startApp('dtm-worker', {
    env: { WORKER: JSON.stringify({ dtm, faults, databases, tenants }) },
  });
  await worker.waitForMessage(({ type }) => type === 'ready');
  return worker;
}
