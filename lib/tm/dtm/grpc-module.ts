import type * as Grpc from '@grpc/grpc-js';
import { MissingPackageError } from './dtm.errors.js';

export type GrpcModule = typeof Grpc;

/**
 * Loads gRPC, which only those install who use it.
 *
 * @throws MissingPackageError.
 */
export async function loadGrpc(): Promise<GrpcModule> {
  try {
    const module = (await import('@grpc/grpc-js')) as GrpcModule & { default?: GrpcModule };
    return module.default ?? module;
  } catch (cause) {
    throw new MissingPackageError('@grpc/grpc-js', "dtm({ protocol: 'grpc' })", { cause });
  }
}
