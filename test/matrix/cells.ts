/** The versions and kinds of application that the library is tried with: every combination of them. */

export const nestVersions = [10, 11, 12] as const;
export const typeormVersions = ['0.3', '1'] as const;
/**
 * 20 is the oldest that the library takes, 24 the newest that calls itself LTS among those that npm has as a
 * package, 26 the one that becomes LTS next.
 */
export const nodeVersions = ['20.20.2', '24.21.0', '26.10.0'] as const;
export const moduleKinds = ['ES module', 'CommonJS'] as const;
/** `standalone` is a worker: `NestFactory.createApplicationContext()`. */
export const platforms = ['Express', 'Fastify', 'standalone'] as const;
/** Where jobs are kept. Callbacks of a DTM server need a route, so a standalone worker is not tried with it. */
export const stores = ['SQLite', 'PostgreSQL', 'DTM'] as const;

export type NestVersion = (typeof nestVersions)[number];
export type TypeormVersion = (typeof typeormVersions)[number];
export type NodeVersion = (typeof nodeVersions)[number];
export type ModuleKind = (typeof moduleKinds)[number];
export type Platform = (typeof platforms)[number];
export type Store = (typeof stores)[number];

/** Each combination of NestJS and TypeORM is installed once. */
export interface Versions {
  readonly nest: NestVersion;
  readonly typeorm: TypeormVersion;
}

/** What an application is and where its jobs are. */
export interface Variant {
  readonly kind: ModuleKind;
  readonly platform: Platform;
  readonly store: Store;
}

export const installations: readonly Versions[] = nestVersions.flatMap((nest) =>
  typeormVersions.map((typeorm) => ({ nest, typeorm })),
);

/** What is run in each cell, which is one installation on one Node.js. */
export const variants: readonly Variant[] = moduleKinds.flatMap((kind) =>
  platforms.flatMap((platform) =>
    stores
      .filter((store) => store !== 'DTM' || platform !== 'standalone')
      .map((store) => ({ kind, platform, store })),
  ),
);

export function majorOf(node: string): string {
  return node.split('.')[0]!;
}
